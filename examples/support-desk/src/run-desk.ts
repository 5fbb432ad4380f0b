/**
 * Runs the desk over an inbox: opens what it works with, hands the messages in, tells what happens, asks the person at
 * the terminal, and writes the report. Everything it knows it reads from the runs, the bank and the mails.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { miniLm } from "@concertato/models-local";
import { type App, drainOnSignals, open } from "concertato";
import { desk as deskWorkflow } from "./agents/desk.ts";
import { exam } from "./agents/exam.ts";
import { shownName } from "./agents/staff.ts";
import { byKeywords, byMeaning, type Compare } from "./agents/meaning.ts";
import { again, commandFor, nearPath } from "./commands.ts";
import { clearFolder, type DataFolder, dataFolder, makeFolder } from "./data-folder.ts";
import { feed } from "./feed.ts";
import { type Inbox, openInbox } from "./inbox/open-inbox.ts";
import { readLabelled } from "./inbox/labelled.ts";
import { keepStdin } from "./inbox/stdin-inbox.ts";
import { keyOf } from "./inbox/record.ts";
import { hasEnded, type Hear, type MessageEntry, MessageRuns } from "./message-runs.ts";
import type { Decision, Message } from "./messages.ts";
import { type DeskOptions, heldOutFile, sampleInbox, standardInput } from "./options.ts";
import { payloadKey } from "./payload-key.ts";
import { lookAround } from "./rest.ts";
import { type Bank, openBank } from "./services/bank.ts";
import { openCardNetwork } from "./services/card-network.ts";
import { openPost } from "./services/mail-post.ts";
import { messageRuns, takeStock } from "./take-stock.ts";
import { askApproval } from "./views/approval-prompt.ts";
import { printEnd } from "./views/end.ts";
import { printTold } from "./views/live.ts";
import { type Narrator, openNarrator } from "./views/narrator.ts";
import { openProgress } from "./views/progress.ts";
import { type ReportFiles, writeReport } from "./views/report.ts";
import type { Sentence } from "./views/sentences.ts";
import type { Effort, Intake, OpenWait, Summary } from "./views/summary.ts";
import type { Terminal } from "./views/terminal.ts";

/** What the desk shows while it works. */
export interface Stage {
  /** For what happens as it happens, and for questions. */
  readonly terminal: Terminal;
  /** For the summary. */
  readonly closing: Terminal;
  /** Called for each sentence, besides the terminal. */
  readonly tell: (told: Sentence, message: Message) => void;
  readonly end: (summary: Summary) => void;
  /** Somebody who watches and stays: without one the desk ends when nothing moves by itself any more. */
  readonly cockpit?: CockpitLink;
}

/** What the desk tells a cockpit, and what it hears from there. */
export interface CockpitLink {
  readonly opened: (facts: readonly (readonly [string, string])[]) => void;
  /** A message has a run with so many entries. */
  readonly found: (message: Message, entries: number, ended: boolean) => void;
  readonly heard: (message: Message, entry: MessageEntry, told: Sentence | undefined) => void;
  readonly notice: (text: string) => void;
  /** Asks; null for later. Gives up when the signal says so. */
  readonly ask: (question: { runId: string; wait: OpenWait }, answered: AbortSignal) => Promise<Decision | null>;
  readonly rested: (summary: Summary, files: ReportFiles) => void;
  /** Hears what is typed, from now on. @param take makes it a run; durable when it resolves */
  readonly onTyped: (take: (message: Message) => Promise<void>) => void;
  /** Resolves when whoever watches leaves. */
  readonly left: Promise<void>;
}

/** How it ended: all done, a person is asked, something failed. */
export type DeskEnd = "done" | "waiting" | "failed";

interface Desk {
  readonly app: App;
  readonly bank: Bank;
  readonly folder: DataFolder;
  readonly inbox: Inbox;
  readonly options: DeskOptions;
  readonly runs: MessageRuns;
  readonly terminal: Terminal;
  /** Aborted by the next entry: while a person is asked nothing else moves, so the question was settled elsewhere. */
  readonly answered: { signal: AbortController };
  readonly cockpit: CockpitLink | undefined;
  /** Takes stock and writes the report. */
  readonly report: (worked: Worked) => Promise<{ readonly summary: Summary; readonly files: ReportFiles }>;
}

/** Whoever sits down at a desk that has worked before is shown what so many runs came to. */
const mostRetold = 300;

/** Vectors of texts seen before: a retry asks again for the last ones. */
const keptVectors = 1000;

/** So many messages are handed in ahead of those that have a turn, so that urgent ones among them can go first. */
const handedInAhead = 240;

export async function runDesk(
  options: DeskOptions,
  { terminal, closing, tell, end, cockpit }: Stage,
): Promise<DeskEnd> {
  // Before anything is deleted or made: an inbox that cannot be read changes nothing.
  const named = options.inbox === standardInput ? undefined : await openInbox(options.inbox);
  const folder = dataFolder(options.data);
  if (options.fresh) await clearFolder(folder);
  makeFolder(folder);
  const piped = named === undefined ? await keepStdin(folder.setAside) : undefined;
  const inbox = named ?? (await openInbox(piped?.path ?? options.inbox));
  const startedAt = Date.now();
  using bank = openBank(folder.bank);
  await using post = await openPost(folder.mails);
  await using network = await openCardNetwork();
  await using model = options.routing === "meaning" ? miniLm({ cache: keptVectors }) : undefined;
  const compare = model === undefined ? byKeywords : byMeaning(model);
  const workflow = deskWorkflow({ bank, post, network, compare, model: options.model });
  await using app = await open(folder.desk, {
    agents: [workflow],
    key: payloadKey(folder.key),
    maxActive: options.concurrency,
    model: options.model,
  });
  using told = toldToGo(app, terminal);
  const facts = factsOf({ inbox, options, server: await post.server() });
  cockpit?.opened(facts);
  await printStart(terminal, app, facts);
  const answered = { signal: new AbortController() };
  using progress = openProgress(terminal);
  const hear = listener((message, entry, sentence) => {
    cockpit?.heard(message, entry, sentence);
    if (sentence === undefined || entry.at < startedAt) return;
    if (progress.shows(message.id, sentence)) printTold(terminal, message, sentence);
    tell(sentence, message);
  });
  const runs = new MessageRuns({
    app,
    desk: workflow,
    hear: (message, entry) => {
      answered.signal.abort();
      hear(message, entry);
    },
    retell: cockpit === undefined ? 0 : mostRetold,
    found: (message, run) => cockpit?.found(message, run.entries, hasEnded(run.status)),
  });
  cockpit?.onTyped(async (message) => {
    const key = keyOf("typed", message.id);
    const taken = await runs.take({ kind: "message", message, key, at: { file: "typed", offset: 0 } });
    if (taken.kind === "refused")
      cockpit.notice(`What you typed was not taken: ${taken.reason}. Please type it again.`);
  });
  const examRun = options.inbox === sampleInbox ? await startExam(app, compare) : undefined;
  const report = async (worked: Worked) => {
    if (examRun !== undefined) await examRun.outcome();
    const summary = await takeStock(desk, examRun?.runId, worked.intake, effortOf(desk, worked, startedAt));
    const files = writeReport(folder.directory, summary, {
      writtenAt: new Date(),
      command: (verb, runId) => commandFor(verb, runId, options),
    });
    return { summary, files };
  };
  const desk: Desk = { app, bank, folder, inbox, options, runs, terminal, answered, cockpit, report };
  const worked = await Promise.race([told.gone, work(desk, told.isGoing, progress.took).catch(told.unlessGoing)]);
  if (worked === null) return "done";
  if (worked.intake.complete) piped?.done();
  const { summary, files } = await report(worked);
  end(summary);
  printEnd(closing, summary, {
    files,
    mails: folder.mails,
    command: (verb, runId) => commandFor(verb, runId, options),
    again: again(options),
    near: nearPath,
  });
  if (summary.status === "failed") return "failed";
  return summary.totals.waiting > 0 ? "waiting" : "done";
}

/** Tells a run's entries as sentences; one narrator for each run, as long as it has not ended. */
function listener(tell: (message: Message, entry: MessageEntry, told: Sentence | undefined) => void): Hear {
  const narrators = new Map<string, Narrator>();
  return (message, entry) => {
    const narrator = narrators.get(message.id) ?? openNarrator();
    narrators.set(message.id, narrator);
    tell(message, entry, narrator.hear(entry));
    if (entry.kind === "run-ended") narrators.delete(message.id);
  };
}

/** Measures the router on messages it was never tuned on; once for a data folder. */
async function startExam(app: App, compare: Compare) {
  const heldOut = [...readLabelled(heldOutFile)];
  return app.start(exam(compare), heldOut, { key: `exam-${keyOf(JSON.stringify(heldOut))}` });
}

/** Ctrl-C, or a platform that stops it: what is under way ends and is recorded, the rest goes on at the next start. */
function toldToGo(app: App, terminal: Terminal) {
  const { promise: gone, resolve } = Promise.withResolvers<null>();
  let going = false;
  const stop = drainOnSignals(app, {
    onSignal: () => {
      going = true;
      terminal.line("\n  Finishing what is under way; press again to stop at once.");
    },
    ended: () => resolve(null),
  });
  /** Once it is going, the app closes under whoever still uses it. */
  const unlessGoing = (error: unknown): Promise<null> => (going ? gone : Promise.reject(error));
  return { gone, isGoing: () => going, unlessGoing, [Symbol.dispose]: stop };
}

/** What the work came to. */
interface Worked {
  readonly intake: Intake;
  /** When nothing moved any more for the first time. */
  readonly restedAt: number;
}

/** Hands the inbox in, works until everything is done or only people can go on, and asks the one at the terminal. */
async function work(desk: Desk, stopped: () => boolean, took: () => void): Promise<Worked> {
  const { app, runs, inbox, options, terminal, folder } = desk;
  const intake = await feed({
    inbox,
    runs,
    setAside: folder.setAside,
    limit: options.limit,
    ahead: Math.max(handedInAhead, 2 * options.concurrency),
    stopped,
    report: (text) => {
      desk.cockpit?.notice(text);
      terminal.line(`  ${terminal.paint("wait", `${terminal.marks.wait} ${text}`)}`);
    },
    progress: took,
  });
  const later = new Set<string>();
  let restedAt: number | undefined;
  for (;;) {
    await app.settle();
    desk.answered.signal = new AbortController();
    const { moving, question } = await lookAround(app, later);
    if (moving) {
      await Promise.race([runs.change(), pause(lookAgainMs)]);
      continue;
    }
    restedAt ??= Date.now();
    const { cockpit } = desk;
    if (cockpit !== undefined && (await stay(desk, cockpit, { intake, restedAt }, question !== undefined))) continue;
    if (question === undefined || options.exit || !(terminal.interactive || cockpit !== undefined))
      return { intake, restedAt };
    const elsewhere = desk.answered.signal.signal;
    const asked =
      cockpit === undefined ? askApproval(terminal, question.wait, elsewhere) : cockpit.ask(question, elsewhere);
    const decision = await Promise.race([asked, cockpit?.left.then(() => "left" as const) ?? asked]);
    if (decision === "left") return { intake, restedAt };
    if (decision !== null)
      await app.answer(question.runId, question.wait.waitId, decision, { by: decision.by ?? "desk" });
    else if (!elsewhere.aborted) later.add(question.runId);
  }
}

/** Shows the cockpit where things stand; with nothing to ask, waits until something moves. False: it goes on without. */
async function stay(desk: Desk, cockpit: CockpitLink, worked: Worked, asks: boolean): Promise<boolean> {
  const moves = desk.runs.change();
  const { summary, files } = await desk.report(worked);
  cockpit.rested(summary, files);
  if (asks || desk.options.exit) return false;
  return Promise.race([moves.then(() => true), cockpit.left.then(() => false)]);
}

/** How often runs of another process are looked at again. */
const lookAgainMs = 250;

function effortOf({ runs, folder }: Desk, { restedAt }: Worked, startedAt: number): Effort {
  const seconds = (restedAt - startedAt) / 1000;
  const storeBytes = readdirSync(folder.directory)
    .filter((file) => file.startsWith("desk.db"))
    .reduce((sum, file) => sum + statSync(join(folder.directory, file)).size, 0);
  return {
    seconds,
    done: runs.done,
    perSecond: runs.done / seconds,
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
    storeBytes,
  };
}

interface Start {
  readonly inbox: Inbox;
  readonly options: DeskOptions;
  readonly server: { readonly pid: number; readonly smtpPort: number };
}

/** Where everything is. */
function factsOf({ inbox, options, server }: Start): readonly (readonly [string, string])[] {
  return [
    ["inbox", `${nearPath(options.inbox)}, ${inbox.format}`],
    ["data", nearPath(options.data)],
    ["mail", `SMTP on 127.0.0.1:${server.smtpPort}, process ${server.pid}`],
    ["routing", options.routing === "meaning" ? "by meaning, all-MiniLM-L6-v2 on this machine" : "by keywords"],
    ...(options.model === undefined ? [] : [["model", shownName(options.model)] as const]),
  ];
}

/** Where everything is, and whether an earlier process began. */
async function printStart(
  { line, paint }: Terminal,
  app: App,
  facts: readonly (readonly [string, string])[],
): Promise<void> {
  for (const [name, text] of facts) line(`  ${paint("quiet", name.padEnd(8))}${text}`);
  for await (const _ of messageRuns(app)) {
    line(`  ${paint("quiet", "It was begun before and goes on where it was.")}`);
    break;
  }
  line();
}
