/** The operations of a journal around one place, as a person reads a difference: what was recorded, and what came instead. */
import type { Recording, RecordedOperation } from "./recording.ts";

/** One line of an excerpt. Plain JSON: it is kept with a failure. */
export interface ExcerptLine {
  /** "-": recorded, and not asked for. "+": asked for instead. " ": both. */
  readonly mark: " " | "-" | "+";
  /** Absent where nothing is recorded. */
  readonly seq?: number;
  readonly path: string;
  /** Verb and `name@version`, or the verb and the name. */
  readonly operation: string;
}

/** Lines before and after the place. */
const before = 3;
const after = 2;

/**
 * @param path where recorded and found differ
 * @param found what the code asked for there
 */
export function excerptAround(recording: Recording, path: string, found: string): readonly ExcerptLine[] {
  const operations = inOrder(recording);
  const place = operations.findIndex((operation) => operation.path === path);
  const [from, to] = place < 0 ? [operations.length, operations.length] : [place, place + 1];
  return [
    ...operations.slice(Math.max(0, from - before), from).map((operation) => line(" ", operation)),
    ...operations.slice(from, to).map((operation) => line("-", operation)),
    { mark: "+", path, operation: found },
    ...operations.slice(to, to + after).map((operation) => line(" ", operation)),
  ];
}

/** Operations in the order in which they first appear. */
export function inOrder(recording: Recording): readonly RecordedOperation[] {
  return [...recording.operations.values()].sort((a, b) => a.seq - b.seq);
}

/** "run echo@1", "step charge", "sleep". */
export function operationWords({ verb, name, agent }: Pick<RecordedOperation, "verb" | "name" | "agent">): string {
  return `${verb} ${agent === "" ? name : agent}`.trim();
}

function line(mark: " " | "-", operation: RecordedOperation): ExcerptLine {
  return { mark, seq: operation.seq, path: operation.path, operation: operationWords(operation) };
}
