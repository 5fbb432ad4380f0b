/** Caps in memory: limits by scope, what is spent and leased by scope and window. */
import { type Cap, type CapAsk, capSlice, type CapRow, type CapSpend, capWindow } from "../journal/cap.ts";

interface Window {
  spent: number;
  /** By owner. */
  readonly leases: Map<number, number>;
}

export class MemoryCaps {
  readonly #caps = new Map<string, { cap: Cap; readonly windows: Map<number, Window> }>();

  set(cap: Cap): void {
    this.#caps.set(cap.scope, { cap, windows: this.#caps.get(cap.scope)?.windows ?? new Map() });
  }

  remove(scope: string): void {
    this.#caps.delete(scope);
  }

  lease(scope: string, since: number, owner: number, ask: CapAsk): number | "missing" | "exhausted" | "busy" {
    const known = this.#caps.get(scope);
    if (known === undefined) return "missing";
    const { spent, leases } = windowAt(known.windows, since);
    let others = 0;
    for (const [other, amount] of leases) if (other !== owner) others += amount;
    const more = capSlice(known.cap.limit, spent, others, ask);
    if (typeof more === "number") leases.set(owner, ask.held + more);
    return more;
  }

  giveBack(scope: string, since: number, owner: number): void {
    this.#caps.get(scope)?.windows.get(since)?.leases.delete(owner);
  }

  spend({ scope, since, owner, used }: CapSpend): void {
    const known = this.#caps.get(scope);
    if (known === undefined) return;
    const window = windowAt(known.windows, since);
    window.spent += used;
    const leased = window.leases.get(owner);
    if (leased !== undefined) window.leases.set(owner, Math.max(0, leased - used));
  }

  /** Forgets the leases of owners that are gone. */
  keep(lives: (owner: number) => boolean): void {
    for (const { windows } of this.#caps.values())
      for (const { leases } of windows.values())
        for (const owner of leases.keys()) if (!lives(owner)) leases.delete(owner);
  }

  list(now: number): readonly CapRow[] {
    const found = [...this.#caps.values()].map(({ cap, windows }): CapRow => {
      const { since } = capWindow(cap.per, now);
      const window = windows.get(since);
      let leased = 0;
      for (const amount of window?.leases.values() ?? []) leased += amount;
      return { ...cap, since, spent: window?.spent ?? 0, leased };
    });
    return found.toSorted((a, b) => (a.scope < b.scope ? -1 : 1));
  }
}

function windowAt(windows: Map<number, Window>, since: number): Window {
  const known = windows.get(since);
  if (known !== undefined) return known;
  const made: Window = { spent: 0, leases: new Map() };
  windows.set(since, made);
  return made;
}
