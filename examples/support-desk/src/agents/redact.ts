/**
 * Takes personal data out of a message before any other agent reads it: e-mail addresses, IBANs, card numbers, phone
 * numbers, passport numbers and dates of birth become tokens. Pure: same words, same result. Numbers that only look like a card or an IBAN stay.
 */
import { tool } from "concertato";
import { redacted, type Redacted, wording, type Wording } from "../messages.ts";

interface Pattern {
  readonly kind: string;
  readonly find: RegExp;
  readonly accept: (match: string) => boolean;
}

/** In this order: an IBAN must be gone before its digits can pass for a card or a phone number. */
const patterns: readonly Pattern[] = [
  { kind: "email", find: /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, accept: () => true },
  { kind: "iban", find: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, accept: isIban },
  { kind: "card", find: /\b\d(?:[ -]?\d){12,18}\b/g, accept: isCardNumber },
  { kind: "passport", find: /(?<=\bpassport,? (?:number|no\.?) )[A-Z0-9]{8,9}\b/gi, accept: () => true },
  {
    kind: "birth-date",
    find: /(?<=\bborn (?:on )?)(?:\d{1,2} [A-Z][a-z]+ \d{4}|\d{1,2}[./]\d{1,2}[./]\d{4}|\d{4}-\d{2}-\d{2})/g,
    accept: () => true,
  },
  { kind: "phone", find: /(?:\+\d{1,3}|\b0\d{2,4})(?:[ ()/-]*\d){6,12}\b/g, accept: () => true },
];

/** The words with tokens like `[card-1]` in place of personal data; the same value gets the same token. */
export function redactWords(words: Wording): Redacted {
  const tokens = new Map<string, string>();
  const hidden: Record<string, number> = {};
  const tokenFor = (kind: string, match: string): string => {
    const known = tokens.get(match);
    if (known !== undefined) return known;
    hidden[kind] = (hidden[kind] ?? 0) + 1;
    const token = `[${kind}-${hidden[kind]}]`;
    tokens.set(match, token);
    return token;
  };
  const clean = (text: string): string =>
    patterns.reduce(
      (rest, { kind, find, accept }) => rest.replace(find, (match) => (accept(match) ? tokenFor(kind, match) : match)),
      text,
    );
  return { subject: clean(words.subject), body: clean(words.body), hidden };
}

/** The personal data in a text, as it stands there. */
export function personalDataIn(text: string): readonly string[] {
  return patterns.flatMap(({ find, accept }) => [...text.matchAll(find)].map(([match]) => match).filter(accept));
}

export const redact = tool({
  name: "redact",
  description: "Replaces personal data in a message by tokens",
  input: wording,
  output: redacted,
  effect: "pure",
  execute: redactWords,
});

/** Luhn's check: from the right, every second digit doubled, digit sums add up to a multiple of ten. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, "").split("").reverse().map(Number);
  const sum = digits.reduce(
    (total, digit, place) => total + (place % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)),
    0,
  );
  return sum % 10 === 0;
}

/** ISO 13616: country and check digits to the end, letters as numbers, remainder 1 modulo 97. */
function isIban(text: string): boolean {
  const plain = text.replaceAll(" ", "");
  const digits = (plain.slice(4) + plain.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) =>
    String(letter.charCodeAt(0) - 55),
  );
  return BigInt(digits) % 97n === 1n;
}
