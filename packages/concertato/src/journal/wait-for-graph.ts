/**
 * Who waits for whom among keys, judged by branches: whether a key that is asked for would ever come. The nodes are asks;
 * an ask waits for every hold and ask before it in the queue of its key, and each of those ends only when its own branch
 * goes on: after the asks that this branch, and what it calls, wait for. A branch is what runs in order: a body, a branch of
 * `all`, a turn of a loop. What another branch of the same run waits for holds nobody up. Pure; stores hand it their rows.
 */

/** A row of a queue: a key that is held or asked for. All are of one tenant. */
export interface HoldNode {
  /** Grows in the order of asking. */
  readonly id: number;
  /** What the store calls its run. */
  readonly run: string | number;
  readonly key: string;
  /** Address of the claim in its run; one that begins with "~" is kept for the run's next body. */
  readonly path: string;
  readonly granted: boolean;
}

/** One wait of a circle: an ask, and what it waits for. */
export interface CircleWait<Node extends HoldNode> {
  readonly ask: Node;
  readonly holder: Node;
}

/** What a store knows of its holds. */
export interface HoldRows<Node extends HoldNode> {
  /** Those before this one in the queue of its key. */
  before(ask: Node): Iterable<Node>;
  /** All of the same run, asked and granted, in the order they came; with the ask that is judged. */
  ofRun(node: Node): Iterable<Node>;
}

/** The address of the branch that a claim was made in: what all of its own addresses begin with. */
function branchOf(path: string): string {
  if (path.startsWith("~")) return "";
  return path.slice(0, Math.max(path.lastIndexOf("."), path.lastIndexOf("/")) + 1);
}

/**
 * The circle that this ask would close, or null. Within one run only circles over several branches count: a body may have
 * concurrent parts that no address tells apart, and they wait for each other without harm.
 */
export function circleOf<Node extends HoldNode>(asked: Node, rows: HoldRows<Node>): readonly CircleWait<Node>[] | null {
  const seen = new Set<number>();
  const expanded = new Set<number>();
  const behind: CircleWait<Node>[] = [];
  const walk = (ask: Node): boolean => {
    for (const before of rows.before(ask)) {
      if (expanded.has(before.id) && before.run !== asked.run) continue;
      expanded.add(before.id);
      behind.push({ ask, holder: before });
      for (const next of rows.ofRun(before)) {
        if (next.granted || !next.path.startsWith(branchOf(before.path))) continue;
        if (next.id === asked.id) {
          if (isCircle(behind)) return true;
          // Of one in the same queue, before this, what is before it is before this too.
        } else if (!seen.has(next.id) && (next.key !== ask.key || next.id > ask.id)) {
          seen.add(next.id);
          if (walk(next)) return true;
        }
      }
      behind.pop();
    }
    return false;
  };
  return walk(asked) ? behind : null;
}

function isCircle(waits: readonly { readonly ask: HoldNode }[]): boolean {
  const [first] = waits;
  if (first === undefined) return false;
  const branch = branchOf(first.ask.path);
  return waits.some(({ ask }) => ask.run !== first.ask.run || branchOf(ask.path) !== branch);
}
