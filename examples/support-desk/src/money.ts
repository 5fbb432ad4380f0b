/** Money as people read it. Amounts are whole cents everywhere else. */

/** `8400` is "84.00 EUR". */
export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}

/** Amounts a text names, in cents: "84.00 EUR", "EUR 84", "84,00 €". */
export function amountsIn(text: string): readonly number[] {
  const pattern = /(?:(?:EUR|€)\s?(\d{1,6}(?:[.,]\d{2})?))|(?:(\d{1,6}(?:[.,]\d{2})?)\s?(?:EUR|€|euros?\b))/gi;
  return [...text.matchAll(pattern)].map(([, before, after]) =>
    Math.round(Number((before ?? after ?? "0").replace(",", ".")) * 100),
  );
}
