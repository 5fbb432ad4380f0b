/**
 * The process that loses its power: opens the app on the disk, takes up what is there, starts runs of its own, and says
 * on a pipe outside that disk whatever is acknowledged to it. Ends by itself when its standard input does.
 */
import { openSync, writeSync } from "node:fs";
import { type App, ConcertatoError, type Entry, type Job, open } from "concertato";
import { Random } from "../torture/random.ts";
import { castOf, goSignal } from "./cast.ts";
import { entryFingerprint, fingerprint, type WriterLine, type WriterOptions } from "./lines.ts";
import { type Assignment, paces, randomAssignment } from "./load.ts";
import { observe } from "./observer.ts";
import { World } from "./world.ts";

// The supervisor wrote them.
const options = JSON.parse(process.argv[2] ?? "{}") as WriterOptions;
const pace = paces[options.pace];
const pipe = openSync(options.pipe, "w");
const world = new World(options.world, (begun) => say({ say: "effect", ...begun }));
const play = castOf(world, pace.toolMs);
let ending = false;

/** In one piece, and at once: what was said before the cut is heard after it. */
function say(line: WriterLine): void {
  writeSync(pipe, `${JSON.stringify(line)}\n`);
}

function report(error: unknown): void {
  say({ say: "report", code: ConcertatoError.is(error) ? error.code : "unknown", message: String(error) });
}

function sayEntry(runId: string, entry: Entry): void {
  say({ say: "entry", runId, seq: entry.seq, print: entryFingerprint(entry) });
}

/** One run after the other: the next begins when this one has ended. */
async function lane(app: App, name: string): Promise<void> {
  const random = new Random(`${options.seed}/${name}`);
  for (let count = 0; !ending; count++) {
    await playOne(app, randomAssignment(random, `${name}-${count}`, pace));
  }
}

/** Starts a run, or finds it by its key, and follows it to its end. */
async function playOne(app: App, input: Assignment): Promise<void> {
  const job = await app.start(play, input, { key: input.key });
  say({ say: "start", runId: job.runId, input });
  await Promise.all([watchEntries(job), watchEnd(job), input.deeds.includes("go") ? sendSignal(app, job.runId) : null]);
}

async function watchEntries(job: Job<number>): Promise<void> {
  for await (const entry of job.events()) sayEntry(job.runId, entry);
}

async function watchEnd(job: Job<number>): Promise<void> {
  say({ say: "outcome", runId: job.runId, print: fingerprint(await job.outcome()) });
}

/** Under one key, so that sending it again after a restart changes nothing. */
async function sendSignal(app: App, runId: string): Promise<void> {
  try {
    await app.signal(runId, goSignal, null, { key: goSignal });
    say({ say: "signal", runId });
  } catch (error) {
    if (!ConcertatoError.is(error, "run/already-finished")) throw error;
  }
}

/** Runs that an earlier writer left: started again by their keys, which finds them. */
async function takeUp(app: App): Promise<void> {
  const left = await app.runs({ status: ["queued", "running", "waiting"], limit: 1_000 });
  const inputs = await Promise.all(left.map(({ runId }) => inputOf(app.job(runId))));
  const recent = await app.runs({ status: "completed", limit: 20 });
  for (const { runId } of recent) watchEntries(app.job<number>(runId)).catch(fail);
  for (const input of inputs) if (input !== undefined) playOne(app, input).catch(fail);
}

async function inputOf(job: Job<unknown>): Promise<Assignment | undefined> {
  // Every run of this harness has an assignment for input.
  for await (const entry of job.events({ live: false })) return entry.body as Assignment;
  return undefined;
}

/** The person who is asked about effects in doubt, and who knows. */
async function resolveDoubts(app: App): Promise<void> {
  const answered = new Set<string>();
  while (!ending) {
    for (const { runId, waitId, kind } of await app.waiting({ limit: 1_000 })) {
      if (kind !== "in-doubt" || answered.has(`${runId} ${waitId}`)) continue;
      answered.add(`${runId} ${waitId}`);
      await app.answer(runId, waitId, world.answer(runId, waitId));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function fail(error: unknown): void {
  if (!ending) report(error);
}

const app = await open(options.file, { agents: [play], durability: options.durability, onReport: report });
say({ say: "ready" });

if (options.observer) observe({ ...options, seen: sayEntry, report }).catch(fail);

process.stdin.resume();
process.stdin.on("end", () => {
  ending = true;
  void app.close().then(() => process.exit(0));
});
process.on("SIGINT", () => undefined);
await takeUp(app);
for (let index = 0; index < pace.lanes; index++) lane(app, `${options.name}.${index}`).catch(fail);
resolveDoubts(app).catch(fail);
