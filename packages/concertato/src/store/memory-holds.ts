/**
 * Who holds which key, and who waits for it, in memory: one holder per tenant and key, the others in the order they came.
 */
import type { HoldAsk, HoldCycle, InboxSend } from "../journal/store.ts";
import { circleOf } from "../journal/wait-for-graph.ts";

interface Hold {
  readonly id: number;
  readonly place: string;
  readonly key: string;
  readonly run: string;
  path: string;
  readonly lease: number | null;
  granted: boolean;
  until: number | null;
  /** It counts by its key: the next ask of its run takes it over. */
  kept: boolean;
}

/** Puts a row into a run's inbox. */
type Deliver = (run: string, row: InboxSend) => void;

export class MemoryHolds {
  /** By tenant and key, in the order of asking: the first holds it. */
  readonly #queues = new Map<string, Hold[]>();
  readonly #byRun = new Map<string, Set<Hold>>();
  readonly #deliver: Deliver;
  #next = 1;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  ask(tenant: string, run: string, { key, path, lease }: HoldAsk, now: number): void {
    const mine = this.#byRun.get(run) ?? new Set();
    for (const hold of mine) {
      if (hold.path === path) return;
      if (!hold.kept || hold.key !== key) continue;
      hold.kept = false;
      hold.path = path;
      return this.#deliver(run, granted(hold, now));
    }
    const place = `${tenant}\n${key}`;
    const hold: Hold = { id: this.#next++, place, key, run, path, lease, granted: false, until: null, kept: false };
    const queue = this.#queues.get(place) ?? [];
    const [holder] = queue;
    if (holder?.until != null && holder.until <= now) this.#remove(holder, now);
    const cycle = this.#cycleFrom(hold);
    if (cycle !== null) return this.#deliver(run, deadlocked(hold, cycle, now));
    const current = this.#queues.get(place) ?? [];
    current.push(hold);
    this.#queues.set(place, current);
    this.#byRun.set(run, mine.add(hold));
    this.#grantFirst(place, now);
  }

  release(run: string, path: string, now: number): void {
    for (const hold of this.#byRun.get(run) ?? []) if (hold.path === path) this.#remove(hold, now);
  }

  keep(run: string, path: string): void {
    for (const hold of this.#byRun.get(run) ?? []) {
      if (hold.path !== path || !hold.granted) continue;
      hold.kept = true;
      hold.path = `~${path}`;
    }
  }

  /** The run ended: what it holds and waits for is free. */
  close(run: string, now: number): void {
    for (const hold of [...(this.#byRun.get(run) ?? [])]) this.#remove(hold, now);
  }

  /** Leases that are over let the next in. */
  expire(now: number): void {
    for (const queue of [...this.#queues.values()]) {
      const [holder] = queue;
      if (holder?.until != null && holder.until <= now && queue.length > 1) this.#remove(holder, now);
    }
  }

  nextLease(): number | null {
    let earliest: number | null = null;
    for (const queue of this.#queues.values()) {
      const until = queue[0]?.until ?? null;
      if (queue.length > 1 && until !== null && (earliest === null || until < earliest)) earliest = until;
    }
    return earliest;
  }

  #remove(hold: Hold, now: number): void {
    const queue = (this.#queues.get(hold.place) ?? []).filter((other) => other !== hold);
    if (queue.length === 0) this.#queues.delete(hold.place);
    else this.#queues.set(hold.place, queue);
    const mine = this.#byRun.get(hold.run);
    mine?.delete(hold);
    if (mine?.size === 0) this.#byRun.delete(hold.run);
    this.#grantFirst(hold.place, now);
  }

  #grantFirst(place: string, now: number): void {
    const first = this.#queues.get(place)?.[0];
    if (first === undefined || first.granted) return;
    first.granted = true;
    first.until = first.lease === null ? null : now + first.lease;
    this.#deliver(first.run, granted(first, now));
  }

  /** Whether waiting for this one, which is in no queue yet, would never end. */
  #cycleFrom(asked: Hold): HoldCycle | null {
    const circle = circleOf(asked, {
      before: (ask) => before(ask, this.#queues.get(ask.place) ?? []),
      ofRun: ({ run }) => (run === asked.run ? [...(this.#byRun.get(run) ?? []), asked] : (this.#byRun.get(run) ?? [])),
    });
    return circle && circle.map(({ ask, holder }) => ({ run: ask.run, key: ask.key, holder: holder.run }));
  }
}

/** Those before it in its queue; all where it is not in it. */
function before(ask: Hold, queue: readonly Hold[]): readonly Hold[] {
  const at = queue.indexOf(ask);
  return at < 0 ? queue : queue.slice(0, at);
}

/** The row that tells a run that a key is its own; `n` is the token. */
export function granted({ id, path }: { readonly id: number; readonly path: string }, at: number): InboxSend {
  return { sender: `hold:${id}`, n: id, kind: "grant", name: path, body: null, at };
}

/** The row that tells a run that waiting would never end. */
export function deadlocked(
  { id, path }: { readonly id: number; readonly path: string },
  cycle: HoldCycle,
  at: number,
): InboxSend {
  return { sender: `hold:${id}`, n: 0, kind: "grant", name: path, body: JSON.stringify(cycle), at };
}
