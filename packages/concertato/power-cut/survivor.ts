/**
 * The process that comes up after the cut: reads what is there through the public API, then lets every run go on to its
 * end, and writes down what it found and did.
 */
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { type App, type Entry, type Json, open } from "concertato";
import { pathOf, readJournal, scopePaths } from "../torture/journal-paths.ts";
import { castOf, goSignal } from "./cast.ts";
import { type Begun, entryFingerprint, fingerprint, type Found, type FoundRun, type SurvivorOptions } from "./lines.ts";
import type { Assignment } from "./load.ts";
import { World } from "./world.ts";

/** How long nothing may end before what is left counts as stuck. */
const stuckMs = 15_000;

/** Longest wait for everything to come to rest before open questions are looked at all the same. */
const settleMs = 500;

// The supervisor wrote them.
const options = JSON.parse(process.argv[2] ?? "{}") as SurvivorOptions;
const begun: Begun[] = [];
const reports: string[] = [];
const unsignalled = new Set<string>();
const answered = new Set<string>();
const world = new World(options.world, (one) => begun.push(one));
const { durability } = options;

function report(error: unknown): void {
  reports.push(String(error));
}

/** Read by a client, which executes nothing: this is what the disk held. */
async function look(): Promise<{ readonly runs: readonly FoundRun[]; readonly integrity: string }> {
  const app = await open(options.file, { role: "client", durability, onReport: report });
  const runs: FoundRun[] = [];
  for (const runId of await allRuns(app)) runs.push(await lookAt(app, runId));
  const integrity = checkIntegrity();
  await app.close();
  return { runs, integrity };
}

async function allRuns(app: App): Promise<string[]> {
  const ids: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = await app.runs({ limit: 500, ...(before === undefined ? {} : { before }) });
    ids.push(...page.map(({ runId }) => runId));
    before = page.at(-1)?.runId;
    if (before === undefined) return ids;
  }
}

async function lookAt(app: App, runId: string): Promise<FoundRun> {
  const job = app.job<Json>(runId);
  const entries = await readJournal(job);
  const ended = entries.at(-1)?.kind === "run-ended";
  return {
    runId,
    // The input of every run of this harness is an assignment.
    input: entries[0]?.body as Assignment,
    prints: entries.map(entryFingerprint),
    intents: intentsOf(entries),
    outcome: ended ? fingerprint(await job.outcome()) : null,
  };
}

function intentsOf(entries: readonly Entry[]): string[] {
  const paths = scopePaths(entries);
  return entries.filter(({ kind }) => kind === "intent").map((entry) => pathOf(paths, entry));
}

function checkIntegrity(): string {
  const db = new DatabaseSync(options.file, { readOnly: true });
  const rows = db.prepare("pragma integrity_check").all();
  db.close();
  return rows.map((row) => String(row["integrity_check"])).join(", ");
}

/** Everything goes on; people answer what they are asked, and send the signals that are still missing. */
async function finish(): Promise<readonly { readonly runId: string; readonly status: string }[]> {
  const app = await open(options.file, { agents: [castOf(world, 0)], durability, onReport: report });
  let left = Number.POSITIVE_INFINITY;
  for (let since = performance.now(); performance.now() - since < stuckMs; ) {
    await Promise.race([app.settle(), setTimeout(settleMs)]);
    const open = await app.runs({ status: ["queued", "running", "waiting", "diverged"], limit: 1_000 });
    if (open.length === 0) break;
    if (open.length < left) since = performance.now();
    left = open.length;
    await answerAll(app);
    await setTimeout(5);
  }
  const ended: { runId: string; status: string }[] = [];
  for (const runId of await allRuns(app)) ended.push({ runId, status: (await app.find(runId))?.status ?? "gone" });
  await app.close();
  return ended.filter(({ status }) => status !== "completed");
}

async function answerAll(app: App): Promise<void> {
  for (const { runId, waitId, kind } of await app.waiting({ limit: 1_000 })) {
    if (answered.has(`${runId} ${waitId}`)) continue;
    answered.add(`${runId} ${waitId}`);
    if (kind === "in-doubt") await app.answer(runId, waitId, world.answer(runId, waitId));
    if (kind !== "signal") continue;
    unsignalled.add(runId);
    await app.signal(runId, goSignal, null, { key: goSignal });
  }
}

/** Reads everything again: which runs' earlier entries read differently now, and whether the file is still whole. */
async function lookAgain(
  runs: readonly FoundRun[],
): Promise<{ readonly altered: readonly string[]; readonly integrity: string }> {
  const app = await open(options.file, { role: "client", durability, onReport: report });
  const altered: string[] = [];
  for (const { runId, prints } of runs) {
    const now = (await readJournal(app.job(runId))).map(entryFingerprint);
    if (prints.some((print, index) => now[index] !== print)) altered.push(runId);
  }
  const integrity = checkIntegrity();
  await app.close();
  return { altered, integrity };
}

process.on("SIGINT", () => undefined);
const before = await look();
const unfinished = await finish();
const after = await lookAgain(before.runs);
const found: Found = {
  integrity: before.integrity === "ok" ? after.integrity : before.integrity,
  runs: before.runs,
  unsignalled: [...unsignalled],
  begun,
  doubts: answered.size - unsignalled.size,
  unfinished,
  altered: after.altered,
  reports,
};
writeFileSync(options.result, JSON.stringify(found));
