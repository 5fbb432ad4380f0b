/** Tickets for slots and rates in memory: the reference for who is granted what, and when. */
import { rateAnswer } from "../journal/rate.ts";
import type { Ticket, TicketState } from "../journal/store.ts";

interface Held {
  readonly owner: number;
  readonly n: number;
  ticket: Ticket;
  granted: boolean;
  retryAt: number | null;
}

export class MemoryTickets {
  /** In the order in which they asked. */
  readonly #tickets = new Map<string, Held>();
  /** Theoretical arrival times, by rate. */
  readonly #rates = new Map<string, number>();

  ask(owner: number, n: number, ticket: Ticket, now: number): TicketState {
    const name = nameOf(owner, n);
    const held = this.#tickets.get(name) ?? { owner, n, ticket, granted: false, retryAt: null };
    held.ticket = ticket;
    this.#tickets.set(name, held);
    this.#grant(ticket, now);
    if (!held.granted) return { granted: false, retryAt: held.retryAt };
    if (ticket.slot === null) this.#tickets.delete(name);
    return { granted: true };
  }

  end(owner: number, n: number, now: number): void {
    const held = this.#tickets.get(nameOf(owner, n));
    if (held === undefined) return;
    this.#tickets.delete(nameOf(owner, n));
    this.#grant(held.ticket, now);
  }

  granted(owner: number): readonly number[] {
    return [...this.#tickets.values()].filter((held) => held.granted && held.owner === owner).map(({ n }) => n);
  }

  /** Forgets those of owners that are gone. Who waits for theirs asks again. */
  keep(lives: (owner: number) => boolean): void {
    for (const [name, { owner }] of this.#tickets) if (!lives(owner)) this.#tickets.delete(name);
  }

  /** Everybody in line for the same gets what there is, in order. */
  #grant({ slot, rate }: Ticket, now: number): void {
    const line = [...this.#tickets.values()].filter(({ ticket }) =>
      slot === null ? ticket.slot === null && ticket.rate?.name === rate?.name : ticket.slot?.name === slot.name,
    );
    let used = line.filter(({ granted }) => granted).length;
    const waiting = line.filter(({ granted }) => !granted).toSorted(byPriority);
    for (const held of waiting) held.retryAt = null;
    for (const held of waiting) {
      const { ticket } = held;
      if (ticket.slot !== null && used >= ticket.slot.limit) return;
      held.retryAt = this.#refusedUntil(ticket, now);
      // In one rate the order is kept: whoever comes later has to wait as well.
      if (held.retryAt !== null && ticket.slot === null) {
        for (const later of waiting) if (!later.granted) later.retryAt = held.retryAt;
        return;
      }
      if (held.retryAt !== null) continue;
      held.granted = true;
      used++;
    }
  }

  /** Null: its rate lets it begin now, and has noted it. */
  #refusedUntil({ rate }: Ticket, now: number): number | null {
    if (rate === null) return null;
    const answer = rateAnswer(this.#rates.get(rate.name), now, rate);
    this.#rates.set(rate.name, answer.tat);
    return answer.granted ? null : answer.retryAt;
  }
}

function nameOf(owner: number, n: number): string {
  return `${owner}/${n}`;
}

/** Stable: those of one priority stay in the order in which they asked. */
function byPriority(a: Held, b: Held): number {
  return b.ticket.priority - a.ticket.priority;
}
