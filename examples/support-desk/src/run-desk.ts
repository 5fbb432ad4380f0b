/**
 * Runs the desk over an inbox: opens what it works with, starts or takes up the run, tells what happens, asks the
 * person at the terminal, and writes the report. Everything it knows it reads from the run, the bank and the mails.
 */
import { relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { miniLm } from "@concertato/models-local";
import { type App, drainOnSignals, type Job, open } from "concertato";
import { inbox as inboxWorkflow } from "./agents/inbox.ts";
import { byKeywords, byMeaning } from "./agents/meaning.ts";
import { clearFolder, type DataFolder, dataFolder, makeFolder } from "./data-folder.ts";
import { follow, type Follower } from "./follower.ts";
import { type Inbox, readInbox, readLabelled } from "./inbox-file.ts";
import type { Message } from "./messages.ts";
import { type DeskOptions, heldOutFile, parseOptions, sampleInbox } from "./options.ts";
import { payloadKey } from "./payload-key.ts";
import { type Bank, openBank } from "./services/bank.ts";
import { messageKeyOf, readMailFolder } from "./services/mail-folder.ts";
import { openPost } from "./services/mail-post.ts";
import { askApproval } from "./views/approval-prompt.ts";
import { printEnd } from "./views/end.ts";
import { printTold } from "./views/live.ts";
import { openNarrator, type Told } from "./views/narrator.ts";
import { type OpenWait, type Summary, type SummaryLine, summarize } from "./views/summary.ts";
import { writeReport } from "./views/report.ts";
import type { Terminal } from "./views/terminal.ts";

/** What the desk shows while it works. */
export interface Stage {
  /** For what happens as it happens, and for questions. */
  readonly terminal: Terminal;
  /** For the summary. */
  readonly closing: Terminal;
  /** Called for each sentence, besides the terminal. */
  readonly tell: (told: Told, message: Message) => void;
  readonly end: (summary: Summary) => void;
}

interface Desk {
  readonly app: App;
  readonly job: Job<unknown>;
  readonly bank: Bank;
  readonly folder: DataFolder;
  readonly messages: readonly Message[];
  readonly follower: Follower;
  /** Aborted by the next entry: while a person is asked nothing else moves, so the question was settled elsewhere. */
  readonly answered: { signal: AbortController };
}

/** True when nothing failed: everything is answered, or waits for a person. */
export async function runDesk(options: DeskOptions, { terminal, closing, tell, end }: Stage): Promise<boolean> {
  const inbox = readInbox(options.inbox);
  const folder = dataFolder(options.data);
  if (options.fresh) await clearFolder(folder);
  makeFolder(folder);
  const startedAt = Date.now();
  using bank = openBank(folder.bank);
  await using post = await openPost(folder.mails);
  await using model = options.routing === "meaning" ? miniLm() : undefined;
  const compare = model === undefined ? byKeywords : byMeaning(model);
  const workflow = inboxWorkflow({ bank, post, compare });
  await using app = await open(folder.desk, { agents: [workflow], key: payloadKey(folder.key) });
  using told = toldToGo(app, terminal);
  const heldOut = options.inbox === sampleInbox ? [...readLabelled(heldOutFile)] : [];
  const job = await app.start(
    workflow,
    { messages: inbox.messages, heldOut },
    { key: inbox.key, priority: inbox.urgent ? urgentPriority : usualPriority },
  );
  await printStart(terminal, { app, job, inbox, options, server: await post.server(), startedAt });
  let spoken = false;
  const desk = followed({ app, job, bank, folder, messages: inbox.messages }, startedAt, (told, message) => {
    if (!spoken) terminal.line();
    spoken = true;
    printTold(terminal, inbox.messages, told);
    tell(told, message);
  });
  const summary = await Promise.race([told.gone, work(desk, terminal).catch(told.unlessGoing)]);
  if (summary === null) return true;
  const files = writeReport(folder.directory, summary, {
    writtenAt: new Date(),
    approveCommand: commandFor("approve", summary.runId, options),
  });
  end(summary);
  printEnd(closing, summary, {
    files,
    mails: folder.mails,
    command: (verb) => commandFor(verb, summary.runId, options),
    again: again(options),
    near: nearPath,
  });
  return summary.totals.failed === 0 && !brokenOff.has(summary.status);
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
  return { gone, unlessGoing, [Symbol.dispose]: stop };
}

/** Where several inboxes are at work and not all can be, those with something urgent go first. */
const urgentPriority = 7;
const usualPriority = 5;

/** Ends of a run that somebody has to look into. */
const brokenOff: ReadonlySet<string> = new Set(["failed", "stopped", "diverged"]);

/** Listens to the run; tells what was committed since this process began. */
function followed(
  parts: Omit<Desk, "follower" | "answered">,
  startedAt: number,
  tell: (told: Told, message: Message) => void,
): Desk {
  const narrator = openNarrator();
  const answered = { signal: new AbortController() };
  const follower = follow(parts.job, (entry) => {
    answered.signal.abort();
    const told = narrator.hear(entry);
    const message = told === undefined ? undefined : parts.messages[told.message];
    if (told !== undefined && message !== undefined && entry.at >= startedAt) tell(told, message);
  });
  return { ...parts, follower, answered };
}

/** Works until everything is done or only people can go on, and asks the one at the terminal. */
async function work(desk: Desk, terminal: Terminal): Promise<Summary> {
  const later = new Set<string>();
  for (;;) {
    await desk.app.settle();
    desk.answered.signal = new AbortController();
    const { summary, entries, moving } = await look(desk);
    if (moving) {
      await Promise.race([desk.follower.reached(entries + 1), pause(lookAgainMs)]);
      continue;
    }
    const wait = questions(summary).find(({ waitId }) => !later.has(waitId));
    if (wait === undefined || !terminal.interactive) return summary;
    const elsewhere = desk.answered.signal.signal;
    const decision = await askApproval(terminal, wait, elsewhere);
    if (decision !== null) await desk.app.answer(desk.job.runId, wait.waitId, decision, { by: decision.by ?? "desk" });
    else if (!elsewhere.aborted) later.add(wait.waitId);
  }
}

interface Look {
  readonly summary: Summary;
  readonly entries: number;
  /** Something is tried again soon, or another process is at work on this run: there is more to come by itself. */
  readonly moving: boolean;
}

const atWork: ReadonlySet<string> = new Set(["queued", "running"]);

/** How often a run of another process is looked at again. */
const lookAgainMs = 250;

/** The state as of now, and no line behind it. */
async function look({ app, job, bank, folder, messages, follower }: Desk): Promise<Look> {
  const { run, tree } = await app.describe(job.runId);
  await follower.reached(run.entries);
  const summary = summarize(run, tree, messages, bank.books(), readMailFolder(folder.mails).list().map(messageKeyOf));
  const asked = summary.lines.some(({ wait }) => wait !== undefined);
  const moving =
    atWork.has(run.status) ||
    // The row and the journal are read one after the other: what waits for nobody's word is on its way.
    (run.status === "waiting" && !asked) ||
    run.waiting.some(({ kind }) => kind === "retry") ||
    someMoveOn(summary.lines, messages);
  return { summary, entries: run.entries, moving };
}

/** A message that is held by none that waits for a person has its turn at once. */
function someMoveOn(lines: readonly SummaryLine[], messages: readonly Message[]): boolean {
  const senderOf = ({ message: { id } }: SummaryLine): string =>
    messages.find((each) => each.id === id)?.from.toLowerCase() ?? "";
  const asked = new Set(lines.filter(({ wait }) => wait !== undefined).map(senderOf));
  return lines.some((line) => line.held && !asked.has(senderOf(line)));
}

/** What a yes or no answers. An effect in doubt needs a look at the world first, so it is left to the CLI. */
function questions({ lines }: Summary): readonly OpenWait[] {
  return lines.flatMap(({ wait }) => (wait?.kind === "question" ? [wait] : []));
}

interface Start {
  readonly app: App;
  readonly job: Job<unknown>;
  readonly inbox: Inbox;
  readonly options: DeskOptions;
  readonly startedAt: number;
  readonly server: { readonly pid: number; readonly smtpPort: number };
}

/** Where everything is, and how far an earlier process came. */
async function printStart(
  { line, paint }: Terminal,
  { app, job, inbox, options, server, startedAt }: Start,
): Promise<void> {
  const facts = [
    ["inbox", `${nearPath(options.inbox)}, ${inbox.messages.length} messages`],
    ["data", nearPath(options.data)],
    ["mail", `SMTP on 127.0.0.1:${server.smtpPort}, process ${server.pid}`],
    ["routing", options.routing === "meaning" ? "by meaning, all-MiniLM-L6-v2 on this machine" : "by keywords"],
    ["run", job.runId],
  ];
  for (const [name = "", text = ""] of facts) line(`  ${paint("quiet", name.padEnd(8))}${text}`);
  const { run } = await app.describe(job.runId);
  const goesOn = run.status === "waiting" || atWork.has(run.status);
  const earlier = goesOn
    ? "It was begun before and goes on where it was."
    : `It is ${run.status}: nothing is left to do.`;
  if (run.createdAt < startedAt) line(`  ${paint("quiet", earlier)}`);
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
