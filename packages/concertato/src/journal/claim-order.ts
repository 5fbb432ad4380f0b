/**
 * In which order due runs are handed out: higher priority first, then one run of each tenant in turn, then the longest
 * due. So a tenant with a million due runs delays another's one by a single run. Pure; every store uses it.
 */

/** What of a due run decides about its turn. */
export interface DueRun {
  readonly key: number;
  readonly wake: number;
  readonly priority: number;
  readonly tenant: string;
}

/**
 * The first `limit` of the due runs, in the order in which they are handed out.
 * @param after the tenant served last: the turn goes to the next one
 */
export function inFairOrder(due: readonly DueRun[], after: string, limit: number): readonly DueRun[] {
  const lines = new Map<number, Map<string, DueRun[]>>();
  for (const run of due) {
    const tenants = lines.get(run.priority) ?? new Map<string, DueRun[]>();
    lines.set(run.priority, tenants);
    const line = tenants.get(run.tenant);
    if (line === undefined) tenants.set(run.tenant, [run]);
    else line.push(run);
  }
  const ordered: DueRun[] = [];
  for (const priority of [...lines.keys()].toSorted((a, b) => b - a)) {
    takeInTurn(lines.get(priority) ?? new Map(), after, limit, ordered);
    if (ordered.length >= limit) break;
  }
  return ordered;
}

function takeInTurn(tenants: ReadonlyMap<string, DueRun[]>, after: string, limit: number, into: DueRun[]): void {
  const names = [...tenants.keys()].toSorted(byText);
  const first = names.findIndex((name) => name > after);
  const turn = first <= 0 ? names : [...names.slice(first), ...names.slice(0, first)];
  let lines = turn.map((name) => (tenants.get(name) ?? []).toSorted(longestDue));
  for (let round = 0; lines.length > 0; round++) {
    for (const line of lines) {
      const run = line[round];
      if (into.length >= limit) return;
      if (run !== undefined) into.push(run);
    }
    lines = lines.filter((line) => line.length > round + 1);
  }
}

/** By code units of UTF-8, as databases compare text. */
function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function longestDue(a: DueRun, b: DueRun): number {
  return a.wake - b.wake || a.key - b.key;
}
