/** How many columns a text takes on a terminal, and texts cut and filled to columns. Control characters become spaces. */

/** Characters that take two columns: East Asian wide ones and pictographs. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const none = /\p{Mark}|\u200b|\u200d|\ufe0f/u;

/** What a stranger wrote cannot move the cursor or change a colour. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, " ");
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What people call characters: a letter with its accents is one. */
export function charactersOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += none.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

/** Exactly so many columns: cut with an ellipsis, or filled with spaces. */
export function fitted(text: string, columns: number, ellipsis: string): string {
  const whole = columnsOf(text);
  if (whole <= columns) return text + " ".repeat(columns - whole);
  const room = columns - columnsOf(ellipsis);
  if (room <= 0) return " ".repeat(Math.max(0, columns));
  let cut = "";
  let used = 0;
  for (const character of text) {
    const width = columnsOf(character);
    if (used + width > room) break;
    cut += character;
    used += width;
  }
  return cut + ellipsis + " ".repeat(room - used);
}

/** Words in lines of at most so many columns; a longer word is broken. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((each) => pieces(each, columns))) {
    if (line !== "" && columnsOf(line) + 1 + columnsOf(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pieces(word: string, columns: number): readonly string[] {
  if (columnsOf(word) <= columns) return [word];
  const parts: string[] = [];
  let part = "";
  for (const character of word) {
    if (part !== "" && columnsOf(part + character) > columns) {
      parts.push(part);
      part = "";
    }
    part += character;
  }
  return [...parts, part];
}
