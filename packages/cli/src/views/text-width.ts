/** How many columns text takes, and text made to fit into so many: wide and combining characters counted as terminals do. Pure. */
import stringWidth from "string-width";

const segmenter = new Intl.Segmenter();

/** Columns that a line takes on a terminal. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** The line, shortened to at most so many columns; what is missing is marked. */
export function fitted(text: string, columns: number, ellipsis: string): string {
  if (stringWidth(text) <= columns) return text;
  const room = columns - stringWidth(ellipsis);
  let kept = "";
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += stringWidth(segment);
    if (width > room) break;
    kept += segment;
  }
  return room < 0 ? "" : kept.trimEnd() + ellipsis;
}

/** Text broken between words into lines of at most so many columns; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && stringWidth(`${line} ${word}`) > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The line, filled up with spaces to so many columns. */
export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - stringWidth(text)));
}
