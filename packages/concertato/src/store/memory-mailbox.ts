/**
 * The mail of one run in memory: letters by channel in order of arrival, what its receives still ask for, who waits for
 * room. Either letters lie in a channel or receives ask for them, never both.
 */
import type { InboxSend, Letter } from "../journal/store.ts";

/** What a mailbox does to runs. */
export interface MailEffects {
  /** Puts a row into the inbox of the mailbox's own run, and wakes it. */
  readonly deliver: (row: InboxSend) => void;
  /** Tells a run that there is room in this channel. */
  readonly room: (waiter: string, channel: string) => void;
}

export class MemoryMailbox {
  readonly #letters = new Map<string, Letter[]>();
  /** Highest n accepted, by sender. */
  readonly #accepted = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  readonly #waiters = new Map<string, Set<string>>();

  /** Letters that no receive has taken, channel by channel, oldest first in each. */
  get lying(): readonly Letter[] {
    return [...this.#letters.values()].flat();
  }

  /** It was taken before: whoever sends it again need not know what became of it, or of the run. */
  accepted({ sender, n, keyed }: Letter): boolean {
    const known = this.#accepted.get(sender) ?? 0;
    return n > 0 && (keyed === true ? n === known : n <= known);
  }

  /** Its key was used for another letter. */
  conflicts({ sender, n, keyed }: Letter): boolean {
    const known = this.#accepted.get(sender);
    return keyed === true && known !== undefined && known !== n;
  }

  /** False when the channel holds `limit` letters; `waiter` is told when there is room. */
  offer(letter: Letter, limit: number, waiter: string | null, effects: MailEffects): boolean {
    const { channel, sender, n } = letter;
    if (this.accepted(letter)) return true;
    const lying = this.#letters.get(channel) ?? [];
    if (lying.length >= limit) {
      if (waiter !== null) this.#waiters.set(channel, (this.#waiters.get(channel) ?? new Set()).add(waiter));
      return false;
    }
    if (n > 0) this.#accepted.set(sender, n);
    const asked = this.#asked.get(channel) ?? 0;
    if (asked > 0) {
      this.#ask(channel, asked - 1);
      effects.deliver(asRow(letter));
    } else {
      lying.push(letter);
      this.#letters.set(channel, lying);
    }
    return true;
  }

  /** A receive asks for one letter: the oldest that lies here, or the next to come. */
  listen(channel: string, effects: MailEffects): void {
    const lying = this.#letters.get(channel);
    const oldest = lying?.shift();
    if (oldest === undefined) return this.#ask(channel, (this.#asked.get(channel) ?? 0) + 1);
    if (lying?.length === 0) this.#letters.delete(channel);
    effects.deliver(asRow(oldest));
    this.#tellWaiters(channel, effects);
  }

  /** A receive was given up; one that has its letter already keeps it. */
  ignore(channel: string): void {
    this.#ask(channel, Math.max(0, (this.#asked.get(channel) ?? 0) - 1));
  }

  /** The run ended: its letters go, what was accepted stays known, and whoever waits for room tries again and hears of it. */
  close(effects: MailEffects): void {
    this.#letters.clear();
    this.#asked.clear();
    for (const channel of [...this.#waiters.keys()]) this.#tellWaiters(channel, effects);
  }

  #ask(channel: string, count: number): void {
    if (count === 0) this.#asked.delete(channel);
    else this.#asked.set(channel, count);
  }

  #tellWaiters(channel: string, effects: MailEffects): void {
    const waiters = this.#waiters.get(channel) ?? [];
    this.#waiters.delete(channel);
    for (const waiter of waiters) effects.room(waiter, channel);
  }
}

function asRow({ channel, sender, n, body, at }: Letter): InboxSend {
  return { sender, n, kind: "mail", name: channel, body, at };
}
