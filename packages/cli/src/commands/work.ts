/**
 * `concertato work`: a process that runs the agents of files on a store, until it is told to stop. Several may be at work on
 * one store, here and elsewhere on this machine; each run is with one of them.
 */
import type { Command } from "commander";
import type { Agent, App, RunSummary } from "concertato";
import { SilentEnd } from "../cli-error.ts";
import { workStore } from "../find-store.ts";
import { loadAgents } from "../load-agents.ts";
import { type ModelFlags, modelOptions, withModelOptions } from "../model-options.ts";
import { pause, type Shell, userName, wholeNumber } from "../shell.ts";
import { plainLine } from "../views/plain-text.ts";
import { padded } from "../views/text-width.ts";
import { clockWords, durationWords, shortId, statusWords } from "../views/words.ts";

interface WorkOptions extends ModelFlags {
  readonly untilIdle?: true;
  readonly within: string;
  readonly maxActive?: string;
  readonly quiet?: true;
}

export function addWork(program: Command, shell: Shell): void {
  const command = program
    .command("work")
    .argument("<file...>", "TypeScript or JavaScript files that export the agents")
    .description("be a process that runs agents on a store")
    .option("--until-idle", "end when every run has ended or waits for something from outside")
    .option("--within <time>", "how long work under way may take to end when it is told to stop", "10s")
    .option("--max-active <n>", "runs at work at once")
    .option("-q, --quiet", "say nothing of single runs");
  withModelOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  concertato work desk.ts
  concertato work agents/*.ts --store /var/lib/desk/desk.db --model ollama/qwen3
  concertato work desk.ts --until-idle`,
    )
    .action((files: readonly string[], options: WorkOptions) => work(shell, files, options));
}

async function work(shell: Shell, files: readonly string[], options: WorkOptions): Promise<void> {
  const { world, display, json, storeChoice } = shell;
  const loaded = await Promise.all(files.map((file) => loadAgents(world.directory, file)));
  const agents = loaded.flatMap(({ exported }) => exported.map(([, agent]) => agent));
  const store = await workStore(storeChoice);
  const [first] = loaded;
  if (first === undefined) return;
  const stop = world.interrupted();
  await using app = await first.core.open(store.file, {
    ...modelOptions(options, world.directory),
    agents,
    principal: userName(),
    ...(store.key === undefined ? {} : { key: store.key }),
    ...(options.maxActive === undefined ? {} : { maxActive: wholeNumber("--max-active", options.maxActive) }),
  });
  const names = agents.map(({ name, version }: Agent) => `${name}@${version}`);
  if (json) display.out(JSON.stringify({ event: "ready", store: store.file, pid: process.pid, agents: names }));
  else {
    const { paint, marks } = display;
    display.out(`${paint("accent", marks.work)} At work on ${paint("strong", store.file)}`);
    display.out(`  ${names.join(", ")}`);
    display.out(
      paint("quiet", `  process ${process.pid} ${marks.dot} Ctrl-C ends it; what is open goes on with the next`),
    );
  }
  const log = new RunLog(shell, app, options.quiet !== true);
  const idle = options.untilIdle === true ? app.settle() : null;
  await log.follow(stop, idle);
  const { unfinished } = await app.drain({ within: options.within });
  if (json) display.out(JSON.stringify({ event: "drained", unfinished }));
  else if (unfinished.length > 0) display.error(`Work under way was broken off in: ${unfinished.join(", ")}`);
  if (unfinished.length > 0) throw new SilentEnd(1);
}

/** How often runs are looked at, in ms, and how many of the newest. */
const lookMs = 300;
const looked = 200;

/** Says what becomes of runs, a line each time. */
class RunLog {
  readonly #shell: Shell;
  readonly #app: App;
  readonly #speaks: boolean;
  readonly #known = new Map<string, string>();
  readonly #began: number;
  /** Columns of the longest `name@version` so far. */
  #widest = 0;

  constructor(shell: Shell, app: App, speaks: boolean) {
    this.#shell = shell;
    this.#app = app;
    this.#speaks = speaks;
    this.#began = shell.world.now();
  }

  /** Until it is stopped, or idle. */
  async follow(stop: AbortSignal, idle: Promise<void> | null): Promise<void> {
    const rest = new AbortController();
    const end = (): void => rest.abort();
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    void idle?.then(end, end);
    do await this.#look();
    while (await pause(lookMs, rest.signal));
    await this.#look();
  }

  async #look(): Promise<void> {
    if (!this.#speaks) return;
    const runs = await this.#app.runs({ limit: looked });
    // Oldest first, so that lines stand in the order of time.
    for (const run of runs.toReversed()) {
      const state = `${run.status} ${run.failure ?? ""} ${run.waiting.map(({ waitId, name }) => waitId + name).join()}`;
      const before = this.#known.get(run.runId);
      this.#known.set(run.runId, state);
      // What was over before it began is not its work.
      const isOld = before === undefined && isOver(run) && run.updatedAt < this.#began;
      if (before !== state && !isOld) this.#say(run);
    }
  }

  #say(run: RunSummary): void {
    const { display, json, world } = this.#shell;
    if (json) return display.out(JSON.stringify({ event: "run", ...run }));
    const { paint } = display;
    this.#widest = Math.max(this.#widest, run.agent.length);
    const names = run.waiting.map(({ name }) => plainLine(name)).join(", ");
    const took = isOver(run) ? durationWords(run.updatedAt - run.createdAt) : "";
    const why = run.failure ?? names;
    const line = [
      paint("quiet", clockWords(world.now())),
      paint("strong", shortId(run.runId)),
      padded(run.agent, this.#widest),
      statusWords(display, run.status),
      ...(took === "" ? [] : [paint("quiet", took)]),
      ...(why === "" ? [] : [paint(run.failure === undefined ? "wait" : "bad", why)]),
    ];
    display.out(line.join("  "));
  }
}

function isOver({ status }: RunSummary): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "stopped";
}
