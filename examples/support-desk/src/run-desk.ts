/**
 * Runs the desk over an inbox: opens what it works with, hands the messages in, tells what happens, asks the person at
 * the terminal, and writes the report. Everything it knows it reads from the runs, the bank and the mails.
 */
import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { miniLm } from "@concertato/models-local";
import { type App, drainOnSignals, open } from "concertato";
import { desk as deskWorkflow } from "./agents/desk.ts";
import { exam } from "./agents/exam.ts";
import { byKeywords, byMeaning, type Compare } from "./agents/meaning.ts";
import { clearFolder, type DataFolder, dataFolder, makeFolder } from "./data-folder.ts";
import { feed } from "./feed.ts";
import { type Inbox, openInbox } from "./inbox/open-inbox.ts";
import { readLabelled } from "./inbox/labelled.ts";
import { keepStdin } from "./inbox/stdin-inbox.ts";
import { keyOf } from "./inbox/record.ts";
import { type Hear, MessageRuns } from "./message-runs.ts";
import type { Message } from "./messages.ts";
import { type DeskOptions, heldOutFile, parseOptions, sampleInbox, standardInput } from "./options.ts";
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
import { writeReport } from "./views/report.ts";
import type { Sentence } from "./views/sentences.ts";
import type { Effort, Intake, Summary } from "./views/summary.ts";
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
}

/** So many messages are handed in ahead of those that have a turn, so that urgent ones among them can go first. */
const handedInAhead = 240;

export async function runDesk(options: DeskOptions, { terminal, closing, tell, end }: Stage): Promise<DeskEnd> {
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
  await using model = options.routing === "meaning" ? miniLm() : undefined;
  const compare = model === undefined ? byKeywords : byMeaning(model);
  const workflow = deskWorkflow({ bank, post, network, compare });
  await using app = await open(folder.desk, {
    agents: [workflow],
    key: payloadKey(folder.key),
    maxActive: options.concurrency,
  });
  using told = toldToGo(app, terminal);
  await printStart(terminal, { app, inbox, options, server: await post.server() });
  const answered = { signal: new AbortController() };
  using progress = openProgress(terminal);
  const hear = listener((sentence, message, at) => {
    if (at < startedAt) return;
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
  });
  const desk: Desk = { app, bank, folder, inbox, options, runs, terminal, answered };
  const examRun = options.inbox === sampleInbox ? await startExam(app, compare) : undefined;
  const worked = await Promise.race([told.gone, work(desk, told.isGoing, progress.took).catch(told.unlessGoing)]);
  if (worked === null) return "done";
  if (worked.intake.complete) piped?.done();
  if (examRun !== undefined) await examRun.outcome();
  const summary = await takeStock(desk, examRun?.runId, worked.intake, effortOf(desk, worked, startedAt));
  const files = writeReport(folder.directory, summary, {
    writtenAt: new Date(),
    command: (verb, runId) => commandFor(verb, runId, options),
  });
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
function listener(tell: (sentence: Sentence, message: Message, at: number) => void): Hear {
  const narrators = new Map<string, Narrator>();
  return (message, entry) => {
    const narrator = narrators.get(message.id) ?? openNarrator();
    narrators.set(message.id, narrator);
    const sentence = narrator.hear(entry);
    if (sentence !== undefined) tell(sentence, message, entry.at);
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
    report: (text) => terminal.line(`  ${terminal.paint("wait", `${terminal.marks.wait} ${text}`)}`),
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
    if (question === undefined || !terminal.interactive || options.exit) return { intake, restedAt };
    const elsewhere = desk.answered.signal.signal;
    const decision = await askApproval(terminal, question.wait, elsewhere);
    if (decision !== null)
      await app.answer(question.runId, question.wait.waitId, decision, { by: decision.by ?? "desk" });
    else if (!elsewhere.aborted) later.add(question.runId);
  }
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
  readonly app: App;
  readonly inbox: Inbox;
  readonly options: DeskOptions;
  readonly server: { readonly pid: number; readonly smtpPort: number };
}

/** Where everything is, and whether an earlier process began. */
async function printStart({ line, paint }: Terminal, { app, inbox, options, server }: Start): Promise<void> {
  const facts = [
    ["inbox", `${nearPath(options.inbox)}, ${inbox.format}`],
    ["data", nearPath(options.data)],
    ["mail", `SMTP on 127.0.0.1:${server.smtpPort}, process ${server.pid}`],
    ["routing", options.routing === "meaning" ? "by meaning, all-MiniLM-L6-v2 on this machine" : "by keywords"],
  ];
  for (const [name = "", text = ""] of facts) line(`  ${paint("quiet", name.padEnd(8))}${text}`);
  for await (const _ of messageRuns(app)) {
    line(`  ${paint("quiet", "It was begun before and goes on where it was.")}`);
    break;
  }
  line();
}

/** The CLI takes the end of an id: its last letters are random, its first tell the time. */
const shortId = 8;

/** The command that answers from another terminal; it names the database when that is not where the CLI looks. */
function commandFor(verb: string, runId: string, { data }: DeskOptions): string {
  const near = relative(process.cwd(), data);
  const elsewhere = near.startsWith(".concertato") ? "" : ` --db ${nearPath(dataFolder(data).desk)}`;
  return `npm run concertato -- ${verb} ${runId.slice(-shortId)}${elsewhere}`;
}

/** The command that takes this folder up again. */
function again({ data, inbox }: DeskOptions): string {
  const usual = parseOptions([], process.cwd());
  if (usual.kind !== "run") return "npm start";
  const parts = [
    ...(data === usual.options.data ? [] : ["--data", nearPath(data)]),
    ...(inbox === usual.options.inbox ? [] : ["--inbox", nearPath(inbox)]),
  ];
  return parts.length === 0 ? "npm start" : `npm start -- ${parts.join(" ")}`;
}

/** A path as short as it can be said from here. */
function nearPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}
