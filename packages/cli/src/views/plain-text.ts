/**
 * Text from outside (models, tools, customers) as a terminal may show it: whatever could move the cursor, hide words, or
 * turn the reading direction is written out. Without this a message could redraw the question a person is asked. Pure.
 */

/** Line breaks and tabs stay; other control and direction characters become `\u{…}`. */
export function plainText(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    if (character === "\n" || character === "\t") return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** The same on one line. */
export function plainLine(text: string): string {
  return plainText(text.trim().replaceAll(/\s+/g, " "));
}
