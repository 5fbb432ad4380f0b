/**
 * Rows in columns that fit the terminal: columns that may go are left out first, then those that may shrink are shortened.
 * A column in which nothing is said is not shown.
 */
import type { Display, Tone } from "./display.ts";
import { plainLine } from "./plain-text.ts";
import { fitted, padded, widthOf } from "./text-width.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly tone?: (row: Row) => Tone;
  /** It may be shortened to so many columns where the terminal is narrow. Default: it is shown whole. */
  readonly shrinksTo?: number;
  /** It may be left out where the terminal is narrow; the highest first. */
  readonly expendable?: number;
  /** Numbers stand at the right. */
  readonly right?: true;
}

interface Laid<Row> extends Column<Row> {
  readonly cells: readonly string[];
  width: number;
}

const gap = 2;

export function tableLines<Row>(
  { paint, marks, width }: Display,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): readonly string[] {
  const laid = layOut(columns, rows, width);
  const line = (text: (column: Laid<Row>) => string, tone: (column: Laid<Row>) => Tone): string =>
    laid
      .map((column, place) => {
        const shown = fitted(text(column), column.width, marks.ellipsis);
        const filled = " ".repeat(Math.max(0, column.width - widthOf(shown)));
        if (column.right === true) return filled + paint(tone(column), shown);
        return paint(tone(column), shown) + (place === laid.length - 1 ? "" : filled);
      })
      .join(" ".repeat(gap))
      .trimEnd();
  const head = line(
    ({ title }) => title,
    () => "quiet",
  );
  return [
    head,
    ...rows.map((row, index) =>
      line(
        ({ cells }) => cells[index] ?? "",
        ({ tone }) => tone?.(row) ?? "plain",
      ),
    ),
  ];
}

function layOut<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Laid<Row>[] {
  let laid = columns
    .map((column): Laid<Row> => {
      // Keys, tenants and names may come from strangers.
      const cells = rows.map((row) => plainLine(column.cell(row)));
      return { ...column, cells, width: Math.max(widthOf(column.title), ...cells.map(widthOf)) };
    })
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const total = (): number => laid.reduce((sum, column) => sum + column.width + gap, -gap);
  const smallest = (): number =>
    laid.reduce((sum, { width: now, shrinksTo = now }) => sum + Math.min(now, shrinksTo) + gap, -gap);
  while (smallest() > width) {
    const [least] = laid.filter(({ expendable }) => expendable !== undefined).sort(byExpendable);
    if (least === undefined) break;
    laid = laid.filter((column) => column !== least);
  }
  while (total() > width) {
    const [widest] = laid
      .filter(({ shrinksTo, width: now }) => shrinksTo !== undefined && now > shrinksTo)
      .sort((a, b) => b.width - a.width);
    if (widest === undefined) break;
    widest.width--;
  }
  return laid;
}

function byExpendable<Row>(a: Column<Row>, b: Column<Row>): number {
  return (b.expendable ?? 0) - (a.expendable ?? 0);
}

/** Names and values below each other, the values aligned. */
export function fieldLines(
  { paint }: Display,
  fields: readonly (readonly [name: string, value: string])[],
  indent: string,
): readonly string[] {
  const width = Math.max(...fields.map(([name]) => widthOf(name)), 0) + 2;
  return fields.flatMap(([name, value]) => {
    const [first = "", ...rest] = value.split("\n");
    const below = rest.map((line) => indent + " ".repeat(width) + line);
    return [`${indent}${paint("quiet", padded(name, width))}${first}`, ...below];
  });
}
