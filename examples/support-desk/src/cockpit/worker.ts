/**
 * The process that does the work while a cockpit shows it. It tells what is committed and nothing else, so the cockpit may
 * kill it at any moment and start another. When the cockpit is gone it ends what is under way and goes.
 */
import { parseOptions } from "../options.ts";
import { type CockpitLink, runDesk } from "../run-desk.ts";
import { type Bank, openBank } from "../services/bank.ts";
import { dataFolder } from "../data-folder.ts";
import { messageKeyOf, readMailFolder } from "../services/mail-folder.ts";
import type { MessageEntry } from "../message-runs.ts";
import type { Decision, Message } from "../messages.ts";
import type { Sentence } from "../views/sentences.ts";
import { nothingKnown } from "../views/provenance.ts";
import type { SummaryLine } from "../views/summary.ts";
import { openTerminal, silent } from "../views/terminal.ts";
import type { FromWorker, Heard, ToWorker } from "./protocol.ts";

/** So long are entries gathered before they are told: a message each would cost more than the work. */
const gatherMs = 25;
/** How often the ledgers are counted. */
const ledgerMs = 400;

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2), process.cwd());
  if (parsed.kind !== "run") return 2;
  const terminal = silent(openTerminal());
  using line = openLine(dataFolder(parsed.options.data).bank, dataFolder(parsed.options.data).mails);
  const stage = { terminal, closing: terminal, tell: () => undefined, end: () => undefined, cockpit: line };
  try {
    return (await runDesk(parsed.options, stage)) === "failed" ? 1 : 0;
  } catch (error) {
    // The cockpit shows it in the one line that a person reads.
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function openLine(bankFile: string, mails: string): CockpitLink & Disposable {
  const left = Promise.withResolvers<void>();
  const taking: Message[] = [];
  let take: ((message: Message) => Promise<void>) | undefined;
  let answer: ((decision: Decision | null) => void) | undefined;
  let gathered: Heard[] = [];
  let resting = false;
  let bank: Bank | undefined;

  const flush = (): void => {
    if (gathered.length > 0) say({ kind: "heard", entries: gathered });
    gathered = [];
  };
  const count = (): void => {
    bank ??= openBank(bankFile);
    const { refunds, paidTwice } = bank.books();
    const stored = readMailFolder(mails).list().map(messageKeyOf);
    const repeated = stored.length - new Set(stored).size + paidTwice;
    say({ kind: "ledger", ledger: { mails: stored.length, payments: refunds, repeated } });
  };
  const begin = async (message: Message): Promise<void> => {
    if (take === undefined) return void taking.push(message);
    await take(message);
    say({ kind: "taken", id: message.id });
  };
  const leave = (): void => {
    left.resolve();
    // In the middle of work, what is under way ends first, as on any SIGTERM.
    if (!resting) process.kill(process.pid, "SIGTERM");
  };
  const hear = (word: ToWorker): void => {
    if (word.kind === "answer") answer?.(word.decision);
    else if (word.kind === "typed") void begin(word.message);
    else leave();
  };
  process.on("message", hear);
  process.on("disconnect", leave);
  const gathering = setInterval(flush, gatherMs);
  let counting: NodeJS.Timeout | undefined;

  return {
    opened: (facts) => {
      say({ kind: "opened", facts });
      count();
      counting = setInterval(count, ledgerMs);
    },
    found: ({ id }, entries, ended) => {
      flush();
      say({ kind: "found", id, entries, ended });
    },
    heard: (message, entry, told) => {
      resting = false;
      gathered.push(heardOf(message, entry, told));
    },
    notice: (text) => say({ kind: "notice", text }),
    ask: ({ runId, wait }, answered) => {
      const { promise, resolve } = Promise.withResolvers<Decision | null>();
      answer = resolve;
      say({ kind: "asked", question: { runId, wait } });
      answered.addEventListener("abort", () => resolve(null), { once: true });
      return promise.finally(() => {
        answer = undefined;
        say({ kind: "asked", question: null });
      });
    },
    rested: (summary, files) => {
      resting = true;
      flush();
      count();
      say({ kind: "rested", summary: { ...summary, lines: summary.lines.map(shortened) }, files });
    },
    onTyped: (taker) => {
      take = taker;
      for (const message of taking.splice(0)) void begin(message);
    },
    left: left.promise,
    [Symbol.dispose]: () => {
      clearInterval(gathering);
      clearInterval(counting);
      bank?.[Symbol.dispose]();
      process.off("message", hear);
      process.off("disconnect", leave);
      if (process.connected) process.disconnect();
    },
  };
}

/** The cockpit may have gone in this moment; then there is nobody to tell. */
function say(word: FromWorker): void {
  if (process.connected) process.send?.(word, () => undefined);
}

/** What the closing table needs; the rest is in the report. */
function shortened(line: SummaryLine): SummaryLine {
  return { ...line, steps: [], mail: undefined, provenance: nothingKnown };
}

const ends: ReadonlySet<string> = new Set(["result", "scope-ended"]);
const begins: ReadonlySet<string> = new Set(["scope-started", "intent"]);

function heardOf({ id, name }: Message, entry: MessageEntry, told: Sentence | undefined): Heard {
  const { seq, kind, meta } = entry;
  const agent = told?.agent ?? agentOf(entry.name);
  return {
    id,
    name,
    seq,
    ...(begins.has(kind) && agent !== "" ? { begins: agent } : {}),
    ...(ends.has(kind) && agent !== "" ? { ends: agent } : {}),
    ...(kind === "wait-opened" && agent !== "" ? { waits: agent } : {}),
    ...(told === undefined ? {} : { told }),
    ...(kind === "run-ended" ? { usd: meta.usage === undefined ? 0 : (meta.usage.cost?.amount ?? null) } : {}),
    last: kind === "run-ended",
  };
}

/** Without its version. The act behind an approval is part of the tool that asks, and no agent of its own. */
function agentOf(name: string): string {
  const plain = name.split("@")[0] ?? name;
  return plain.endsWith(".action") ? "" : plain;
}

process.exitCode = await main();
