/**
 * What the cockpit shows, folded from what its worker tells. What a restarted worker tells again counts once; what it had
 * told and the journal no longer has is lost, and would be a fault of ours. Pure but for its own fields.
 */
import type { ReportFiles } from "../views/report.ts";
import type { Sentence } from "../views/sentences.ts";
import type { Summary } from "../views/summary.ts";
import type { Asked, FromWorker, Heard, Ledger } from "./protocol.ts";

/** The members of the desk, in the order in which a message meets them. */
const roster = [
  "redact",
  "find-customer",
  "router",
  "keywords",
  "panel",
  "judge",
  "planner",
  "cards",
  "payments",
  "transfers",
  "top-ups",
  "cash",
  "fees",
  "fees-backup",
  "identity",
  "lost-or-stolen",
  "front-office",
  "writer",
  "network-rate",
  "block-card",
  "book-credit",
  "reviser",
  "validator",
  "manager",
  "refund",
  "ticket",
  "compose-mail",
  "send-mail",
] as const;

const members: ReadonlySet<string> = new Set(roster);

/** Not an agent: what the desk itself says. */
const deskItself: ReadonlySet<string> = new Set(["desk", "take-over", "void-approval", "staff", "model", "loop", ""]);

export type Doing = "idle" | "working" | "waiting" | "interrupted" | "fault";

export interface Seat {
  readonly agent: string;
  readonly doing: Doing;
  /** What it works on, or did last. */
  readonly about: string;
  /** So many more at the same time. */
  readonly others: number;
  readonly done: number;
  /** It is of the roster, not one of the many that only look something up. */
  readonly known: boolean;
}

export interface HandOff {
  readonly id: string;
  readonly sentence: Sentence;
}

interface Place {
  done: number;
  fault: boolean;
  last: string;
  readonly at: Map<string, Doing>;
}

/** So many hand-offs are kept to be shown. */
const mostKept = 400;

/** Said until the first message is routed. */
const loading =
  "The sentence-embedding model is read and learns the examples of the eight areas; the first messages wait for it.";

export class Board {
  facts: readonly (readonly [string, string])[] = [];
  ledger: Ledger = { mails: 0, payments: 0, repeated: 0 };
  question: Asked | null = null;
  rested: { readonly summary: Summary; readonly files: ReportFiles } | null = null;
  notice = "";
  killed = 0;
  readonly handOffs: HandOff[] = [];
  counts = { handOffs: 0, rejections: 0, takeovers: 0, disagreements: 0, waits: 0 };
  usd: number | null = 0;
  readonly #places = new Map<string, Place>(roster.map((agent) => [agent, newPlace()]));
  readonly #heard = new Map<string, number>();
  readonly #ended = new Set<string>();
  /** What was told before a kill and is looked for in the journal. */
  readonly #promised = new Map<string, number>();
  #missing = 0;

  hear(event: FromWorker): void {
    switch (event.kind) {
      case "opened":
        this.facts = event.facts;
        if (event.facts.some(([name, how]) => name === "routing" && how.startsWith("by meaning")))
          this.notice = loading;
        return;
      case "found":
        return this.#found(event);
      case "heard":
        for (const entry of event.entries) this.#entry(entry);
        return;
      case "ledger":
        this.ledger = event.ledger;
        return;
      case "notice":
        this.notice = event.text;
        return;
      case "asked":
        this.question = event.question;
        return;
      case "rested":
        this.rested = { summary: event.summary, files: event.files };
        return;
      case "taken":
        return;
    }
  }

  /** The worker is dead: what it was at is interrupted, and what it told must be in the journal. @param killed by us */
  interrupt(killed: boolean): void {
    if (killed) this.killed++;
    this.question = null;
    this.rested = null;
    for (const [id, seq] of this.#heard) this.#promised.set(id, seq);
    for (const { at } of this.#places.values())
      for (const [id, doing] of at) if (doing === "working") at.set(id, "interrupted");
  }

  get messages(): number {
    return this.#heard.size;
  }

  /** Those that have ended. */
  get done(): number {
    return this.#ended.size;
  }

  get agents(): number {
    return [...this.#places.values()].filter(({ done, at }) => done > 0 || at.size > 0).length;
  }

  /** Entries that were told and are not in the journal; undefined while that is being looked at. */
  get lost(): number | undefined {
    if (this.#promised.size > 0 && this.rested === null) return undefined;
    return [...this.#promised.values()].reduce((sum, seq) => sum + seq, this.#missing);
  }

  /** Every member that has a place, in their order. */
  seats(): readonly Seat[] {
    return [...this.#places].map(([agent, place]) => {
      const [about, doing] = [...place.at].at(-1) ?? [place.last, place.fault ? "fault" : "idle"];
      return {
        agent,
        doing,
        about,
        others: Math.max(0, place.at.size - 1),
        done: place.done,
        known: members.has(agent),
      };
    });
  }

  #found({ id, entries, ended }: Extract<FromWorker, { kind: "found" }>): void {
    if (!this.#heard.has(id)) this.#heard.set(id, 0);
    // Its last entries may have been committed by a worker that was killed before it told them.
    if (ended) this.#end(id);
    const promised = this.#promised.get(id);
    if (promised === undefined) return;
    this.#promised.delete(id);
    this.#missing += Math.max(0, promised - entries);
  }

  #entry(entry: Heard): void {
    const { id, name, seq } = entry;
    if (seq <= (this.#heard.get(id) ?? 0)) return;
    this.#heard.set(id, seq);
    const about = `${id} ${name}`;
    if (entry.begins !== undefined) this.#place(entry.begins)?.at.set(about, "working");
    if (entry.waits !== undefined) this.#place(entry.waits)?.at.set(about, "waiting");
    if (entry.ends !== undefined) this.#rest(entry.ends, about, entry.told?.tone === "bad");
    if (entry.told !== undefined) this.#tell(id, entry.told);
    if (!entry.last) return;
    this.#end(id);
    if (entry.usd === null) this.usd = null;
    else if (this.usd !== null) this.usd += entry.usd ?? 0;
  }

  /** Nobody works on it any more. */
  #end(id: string): void {
    this.#ended.add(id);
    for (const { at } of this.#places.values())
      for (const about of at.keys()) if (about.startsWith(`${id} `)) at.delete(about);
  }

  #rest(agent: string, about: string, fault: boolean): void {
    const place = this.#place(agent);
    if (place === undefined) return;
    place.at.delete(about);
    place.done++;
    place.fault = fault;
    place.last = about;
  }

  #tell(id: string, sentence: Sentence): void {
    if (sentence.agent === "router" && this.notice === loading) this.notice = "";
    const { to, tone, event } = sentence;
    if (event === "rejection") this.counts.rejections++;
    if (event === "take-over") this.counts.takeovers++;
    if (event === "disagreement") this.counts.disagreements++;
    if (event === "question") this.counts.waits++;
    if (to === undefined && event === undefined && tone !== "bad") return;
    this.counts.handOffs++;
    this.handOffs.push({ id, sentence });
    if (this.handOffs.length > mostKept) this.handOffs.shift();
  }

  #place(agent: string): Place | undefined {
    if (deskItself.has(agent) || agent.startsWith("customer:")) return undefined;
    const known = this.#places.get(agent);
    if (known !== undefined) return known;
    const place = newPlace();
    this.#places.set(agent, place);
    return place;
  }
}

function newPlace(): Place {
  return { done: 0, fault: false, last: "", at: new Map() };
}
