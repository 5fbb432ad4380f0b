/**
 * `concertato run`: runs an agent of a file here and now. What happens goes to standard error as it happens, the output to
 * standard output. In memory; with `--store` durable, so that it can be watched, answered and gone on with elsewhere.
 */
import type { Command } from "commander";
import { type App, type Entry, EntryPaths, type Job, type Outcome } from "concertato";
import { Asking } from "../asking.ts";
import { CliError, exitCodes, SilentEnd } from "../cli-error.ts";
import { workStore } from "../find-store.ts";
import { openWaits, type OpenWait } from "../find-run.ts";
import { chooseAgent, loadAgents } from "../load-agents.ts";
import { type ModelFlags, modelOptions, modelWords, withModelOptions } from "../model-options.ts";
import { readInput } from "../read-input.ts";
import { type CommandContext, type Shell, userName } from "../shell.ts";
import { plainLine, plainText } from "../views/plain-text.ts";
import { questionLines } from "../views/question.ts";
import { Story } from "../views/story.ts";
import { durationWords, usageWords, wholeWords } from "../views/words.ts";

interface RunOptions extends ModelFlags {
  readonly agent?: string;
  readonly input?: string;
  readonly key?: string;
  readonly quiet?: true;
}

export function addRun(program: Command, shell: Shell): void {
  const command = program
    .command("run")
    .argument("<file>", "a TypeScript or JavaScript file that exports an agent")
    .argument("[input]", "its input: JSON, text, or - for standard input")
    .description("run an agent here and show what happens")
    .option("--agent <name>", "which, where the file exports several (default: its default export)")
    .option("--input <file>", "the input from a file; - for standard input")
    .option("--key <key>", "with --store: the same key with the same input finds the same run")
    .option("-q, --quiet", "only the output");
  withModelOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  concertato run agents.ts "How much was order A-17?"
  concertato run agents.ts --agent triage --input ticket.json --model ollama/qwen3
  cat ticket.json | concertato run desk.ts - --store desk.db --key T-17`,
    )
    .action((file: string, input: string | undefined, options: RunOptions) =>
      new Running(shell, file, options).run(input),
    );
}

/** One agent, from its file to its end. */
class Running {
  readonly #shell: Shell;
  readonly #file: string;
  readonly #options: RunOptions;
  readonly #story: Story;
  readonly #paths = new EntryPaths();
  /** Somebody sits here and can be asked. */
  readonly #asks: boolean;
  /** Questions that were shown, by address. */
  readonly #shown = new Set<string>();

  constructor(shell: Shell, file: string, options: RunOptions) {
    this.#shell = shell;
    this.#file = file;
    this.#options = options;
    const { display, json, world } = shell;
    this.#story = new Story(display, !json && options.quiet !== true);
    this.#asks = world.stdin.isTTY === true && display.watched && !json;
  }

  async run(typed: string | undefined): Promise<void> {
    const { world, namedStore, storeChoice } = this.#shell;
    const { agent: named, input: inputFile, key } = this.#options;
    const loaded = await loadAgents(world.directory, this.#file);
    const agent = chooseAgent(loaded, named);
    const input = await readInput(world, agent, { typed, file: inputFile });
    if (key !== undefined && namedStore === undefined)
      throw new CliError(exitCodes.usage, "--key needs --store FILE: in memory nothing is found again.");
    const store = namedStore === undefined ? null : await workStore(storeChoice);
    await using app = await loaded.core.open(store?.file, {
      ...modelOptions(this.#options, world.directory),
      agents: loaded.exported.map(([, each]) => each),
      principal: userName(),
      ...(store?.key === undefined ? {} : { key: store.key }),
    });
    const job = await app.start(agent, input as never, key === undefined ? {} : { key });
    this.#tell({ event: "started", runId: job.runId, agent: `${agent.name}@${agent.version}` });
    await this.#follow(app, job, store !== null);
  }

  async #follow(app: App, job: Job<unknown>, durable: boolean): Promise<void> {
    const context = this.#shell.contextOf(app);
    const asking = new Asking(context, this.#shell.world, userName());
    const stop = this.#shell.world.interrupted();
    const stopped = new Promise<"interrupted">((resolve) => {
      stop.addEventListener("abort", () => resolve("interrupted"), { once: true });
    });
    const watched = Promise.all([this.#sayings(job), this.#entries(context, job, asking, durable)]);
    const ended = watched.then(() => job.outcome());
    // What comes after an interruption is nobody's any more.
    ended.catch(() => undefined);
    const stuck = durable ? stopped : this.#stuck(app, job, asking, stop);
    // A run that waits for people leaves the event loop empty, and the process is to stay.
    const stay = setInterval(() => undefined, 60_000);
    const end = await Promise.race([ended, stopped, stuck]).finally(() => clearInterval(stay));
    asking.stop();
    if (end === "interrupted") await this.#interrupted(app, job, durable);
    else if (Array.isArray(end)) this.#nobody(context, end);
    else await this.#finish(app, job, end as Outcome<unknown>);
  }

  async #sayings(job: Job<unknown>): Promise<void> {
    for await (const saying of job.sayings()) {
      this.#story.say(saying);
      const { agent, path, attempt, at, kind, text } = saying;
      this.#tell({ event: kind, agent, path, attempt, at, text });
    }
  }

  async #entries(context: CommandContext, job: Job<unknown>, asking: Asking, durable: boolean): Promise<void> {
    for await (const entry of job.events()) {
      const path = this.#paths.of(entry);
      this.#story.entry(entry, path, this.#paths.agentOf(entry));
      if (entry.kind === "signal-refused") asking.again(path);
      if (concernsPeople(entry)) await this.#question(context, job, asking, durable);
    }
  }

  /** Shows what is asked, or asks it here. */
  async #question(context: CommandContext, job: Job<unknown>, asking: Asking, durable: boolean): Promise<void> {
    const waits = openWaits(job.runId, (await context.app.describe(job.runId)).tree);
    if (this.#asks) return asking.update(waits);
    for (const wait of waits) {
      if (this.#shown.has(wait.waitId)) continue;
      this.#shown.add(wait.waitId);
      this.#tell({ event: "question", ...wait });
      const lines = questionLines(context, wait, waits.length > 1, durable ? "elsewhere" : "nowhere");
      for (const line of lines) this.#story.line(line);
    }
  }

  /** In memory nobody else can answer: resolves when only people could go on with the run and nobody is here. */
  async #stuck(app: App, job: Job<unknown>, asking: Asking, stop: AbortSignal): Promise<readonly OpenWait[]> {
    for (;;) {
      await app.settle();
      const run = await app.find(job.runId);
      const onlyPeople =
        run?.status === "waiting" &&
        run.waiting.length > 0 &&
        run.waiting.every(
          ({ kind, until }) =>
            until === undefined &&
            (kind === "answer" || kind === "signal" || kind === "in-doubt" || kind === "budget" || kind === "mail"),
        );
      if (onlyPeople && (!this.#asks || asking.left)) return openWaits(job.runId, (await app.describe(job.runId)).tree);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        stop.addEventListener("abort", () => clearTimeout(timer), { once: true });
        timer.unref();
      });
    }
  }

  #nobody({ command }: CommandContext, waits: readonly OpenWait[]): never {
    const names = [...new Set(waits.map(({ name }) => plainLine(name)))].join(", ") || "a letter";
    const how = `Run it with --store FILE, and answer from anywhere: ${command("inbox")} --store FILE`;
    throw new CliError(exitCodes.waiting, `The run waits for ${names}, and nobody is here to answer. ${how}`);
  }

  async #interrupted(app: App, { runId }: Job<unknown>, durable: boolean): Promise<never> {
    if (!durable) {
      this.#story.line("Interrupted; it was in memory only, so nothing of it is left.");
      throw new SilentEnd(exitCodes.interrupted);
    }
    const { unfinished } = await app.drain();
    const open = unfinished.includes(runId) ? " Work that was under way was broken off." : "";
    this.#story.line(`Interrupted; run ${runId} is kept.${open} It goes on with:`);
    this.#story.line(`  ${this.#shell.command(`work ${this.#file}`)}${modelWords(this.#options)}`);
    throw new SilentEnd(exitCodes.interrupted);
  }

  async #finish(app: App, { runId }: Job<unknown>, end: Outcome<unknown>): Promise<void> {
    const { display, json } = this.#shell;
    const run = await app.find(runId);
    const { paint, marks } = display;
    const used = run?.usage === undefined ? [] : [usageWords(run.usage)];
    const took = run === undefined ? [] : [durationWords(run.updatedAt - run.createdAt)];
    this.#tell({ event: "ended", runId, ...end, ...(run?.usage === undefined ? {} : { usage: run.usage }) });
    const facts = paint("quiet", [...took, ...used].join(` ${marks.dot} `));
    if (end.status !== "completed") {
      const { code, message } = end.failure;
      this.#story.line(`${paint("bad", `${marks.bad} ${end.status}`)}  ${facts}`);
      if (!json) display.error(`${code}: ${plainText(message)}`);
      throw new SilentEnd(end.status === "stopped" ? exitCodes.stopped : exitCodes.failure);
    }
    this.#story.line(`${paint("good", `${marks.done} completed`)}  ${facts}`);
    // On one terminal the answer stands there already, as it came.
    const isThere = display.height !== null && this.#options.quiet !== true && end.output === this.#story.said;
    if (!json && !isThere && end.output !== undefined) display.out(outputWords(end.output, display.height !== null));
  }

  /** A JSON line, where JSON is asked for. */
  #tell(line: object): void {
    if (this.#shell.json) this.#shell.display.out(JSON.stringify(line));
  }
}

/** How often a run in memory is looked at that may wait for nobody, in ms. */
const lookMs = 100;

/** Text as it is: into a pipe exactly, onto a terminal without what could draw on it. Anything else as JSON. */
function outputWords(output: unknown, onTerminal: boolean): string {
  if (typeof output !== "string") return onTerminal ? wholeWords(output) : JSON.stringify(output);
  return onTerminal ? plainText(output) : output;
}

/** Something was asked, answered or refused. */
function concernsPeople({ kind }: Entry): boolean {
  return (
    kind === "wait-opened" ||
    kind === "in-doubt" ||
    kind === "budget-exhausted" ||
    kind === "budget-raised" ||
    kind === "signal-refused" ||
    kind === "result" ||
    kind === "op-cancelled"
  );
}
