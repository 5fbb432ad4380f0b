/**
 * Takes stock of the desk: reads every message's run from the store, one after the other, adds them up, and writes one
 * line for each into outcomes.jsonl. It asks the store, the bank and the mail folder and nothing else, so it says the
 * same after a crash as without one.
 */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { App, RunSummary } from "concertato";
import type { DataFolder } from "./data-folder.ts";
import { deskName } from "./agents/desk.ts";
import { type ExamResult, examResult } from "./messages.ts";
import type { Bank } from "./services/bank.ts";
import { messageKeyOf, readMailFolder } from "./services/mail-folder.ts";
import { type Effort, type Intake, type Summary, type SummaryLine, Tally } from "./views/summary.ts";
import { outcomeOf } from "./views/summary-table.ts";

/** Runs that the store is asked for at once. */
const page = 200;

export interface Stock {
  readonly app: App;
  readonly bank: Bank;
  readonly folder: DataFolder;
}

/** The whole desk as of now. */
export async function takeStock(
  { app, bank, folder }: Stock,
  examRun: string | undefined,
  intake: Intake | undefined,
  effort: Effort | undefined,
): Promise<Summary> {
  const tally = new Tally();
  using outcomes = openOutcomes(join(folder.directory, "outcomes.jsonl"));
  for (const runId of await runIds(app)) {
    const { run, tree } = await app.describe(runId);
    outcomes.add(tally.add(run, tree));
  }
  outcomes.finish();
  const ledgers = { books: bank.books(), mails: readMailFolder(folder.mails).list().map(messageKeyOf) };
  return tally.summary(ledgers, { exam: await examOf(app, examRun), intake, effort });
}

/** Every page of the messages' runs in some state, newest first. */
export async function* messageRuns(
  app: App,
  status?: readonly RunSummary["status"][],
): AsyncGenerator<readonly RunSummary[]> {
  for (let before: string | undefined; ; ) {
    const runs = await app.runs({
      agent: deskName,
      limit: page,
      ...(status === undefined ? {} : { status }),
      ...(before === undefined ? {} : { before }),
    });
    if (runs.length > 0) yield runs;
    if (runs.length < page) return;
    before = runs.at(-1)?.runId;
  }
}

/** In the order in which they began. */
async function runIds(app: App): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const runs of messageRuns(app)) ids.push(...runs.map(({ runId }) => runId));
  return ids.reverse();
}

async function examOf(app: App, runId: string | undefined): Promise<ExamResult | undefined> {
  if (runId === undefined) return undefined;
  const { tree } = await app.describe(runId);
  return examResult.safeParse(tree.output).data;
}

interface Outcomes extends Disposable {
  readonly add: (line: SummaryLine) => void;
  readonly finish: () => void;
}

/** Whole or not at all: a crash before `finish` leaves the earlier file. No words of a message are in it. */
function openOutcomes(file: string): Outcomes {
  const draft = `${file}.${process.pid}.tmp`;
  let handle: number | undefined = openSync(draft, "w", 0o600);
  const close = (): void => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  };
  return {
    add: (line) => {
      if (handle !== undefined) writeSync(handle, `${JSON.stringify(outcomeLine(line))}\n`);
    },
    finish: () => {
      close();
      renameSync(draft, file);
    },
    [Symbol.dispose]: close,
  };
}

function outcomeLine(line: SummaryLine): object {
  const { message, runId, status, route, answer } = line;
  return {
    id: message.id,
    runId,
    status,
    outcome: outcomeOf(line),
    route: route?.kind,
    areas: route?.plan,
    specialists: answer?.works.map(({ specialist }) => specialist),
    warned: (route?.warnings.length ?? 0) > 0,
    refunds: answer?.works.flatMap(({ settlement }) =>
      settlement.kind === "refunded" ? [settlement.receipt.paymentId] : [],
    ),
    tickets: answer?.works.flatMap(({ ticket }) => ticket ?? []),
    mail: answer?.mail.messageId,
  };
}
