/**
 * An app for tests of agents: in memory, on a clock that moves only when everything else has come to rest, with scripted
 * models and people. With `crashAfterEveryEntry` its process dies after each commit and another goes on, so that a test
 * of an agent is a test of its recovery too.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { App, type Job, type RunTree, type StartOptions } from "../app.ts";
import { toolCallsService } from "../agents/intercepted-calls.ts";
import { modelsService } from "../agents/models.ts";
import { definedName } from "../agents/take-over.ts";
import { AppModels, type ModelOptions } from "../app-models.ts";
import { durationMs } from "../kernel/duration.ts";
import type { Agent, Argument } from "../runtime/agent.ts";
import type { Duration } from "../runtime/context.ts";
import type { Written } from "../runtime/live-run.ts";
import { Engine } from "../runtime/engine.ts";
import { clearCodec } from "../store/clear-codec.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { Person } from "./people.ts";
import type { RealWork, RecordedTools } from "./record.ts";
import type { ReplayedTools } from "./replayed.ts";
import type { ScriptedModel } from "./script.ts";
import { type VirtualWorld, virtualWorld } from "./virtual-world.ts";

/** A model in a test: most know what they were asked. */
export type TestModel = LanguageModelV4 & Partial<Pick<ScriptedModel, "assertDone" | "rewind"> & RealWork>;

export interface TestAppOptions extends Pick<ModelOptions, "prices"> {
  /** Agents that runs need and nobody starts or names in `uses`. */
  readonly agents?: readonly Agent[];
  /** Scripts by the name of the agent that thinks with them; or recordings, or real models while they are recorded. */
  readonly models?: Readonly<Record<string, TestModel>>;
  /** Answers for the tools, from a recording, or real ones that are recorded. Default: they do what they do. */
  readonly tools?: RecordedTools | ReplayedTools;
  /** Who answers, by the name of the human agent or of the signal. */
  readonly people?: Readonly<Record<string, Person>>;
  /** The process dies after every entry, once at each place, and another goes on. Default false. */
  readonly crashAfterEveryEntry?: boolean;
  /** Longest time that `run` lets pass. Default "365d". */
  readonly patience?: Duration;
}

/** An app in a test, and the hand on its clock. */
export class TestApp implements AsyncDisposable {
  readonly world: VirtualWorld = virtualWorld();
  /** How often the process has died. */
  crashes = 0;
  readonly #options: TestAppOptions;
  readonly #store = new MemoryStore();
  readonly #agents = new Set<Agent>();
  /** Resolves when the present process dies. */
  #death = Promise.withResolvers<void>();
  readonly #crashedAt = new Set<string>();
  #life: { readonly app: App; readonly engine: Engine } | null = null;

  /** Use `testApp()`. */
  constructor(options: TestAppOptions) {
    this.#options = options;
    for (const agent of options.agents ?? []) this.#agents.add(agent);
  }

  /** The app of the process that lives now. */
  async app(): Promise<App> {
    return (await this.#alive()).app;
  }

  /** Starts a run and leaves it to `settle`, `advance` or `run`. */
  async start<Input, Output>(
    agent: Agent<Input, Output>,
    input: NoInfer<Input>,
    options: StartOptions = {},
  ): Promise<Job<Output>> {
    this.#agents.add(agent as Agent);
    const app = await this.app();
    return app.start(agent, input, options);
  }

  /**
   * Runs an agent to its end: questions are answered by `people`, time passes when nothing else happens.
   * @throws AgentFailure when it fails
   * @throws Error when it waits for something that the test does not provide
   */
  async run<Input, Output>(agent: Agent<Input, Output>, ...[input]: Argument<Input>): Promise<Output> {
    // An agent that takes no input is given none.
    const { runId } = await this.start(agent, input as NoInfer<Input>);
    await this.#toEnd(runId);
    return (await this.app()).job<Output>(runId).result();
  }

  /** Everything that can happen without time passing. */
  async settle(): Promise<void> {
    do {
      await this.#alive();
      await this.world.settle();
    } while ((await this.#realWork()) || this.#life === null);
  }

  /** Waits for calls that really go out, while they are recorded: the clock stands still for them. True when there was one. */
  async #realWork(): Promise<boolean> {
    const { models = {}, tools } = this.#options;
    const under = [...Object.values(models), tools].map((one) => (one as Partial<RealWork> | undefined)?.underWay?.());
    const work = under.filter((one) => one !== undefined);
    if (work.length === 0) return false;
    await Promise.race(work);
    return true;
  }

  /** Lets time pass. */
  async advance(duration: Duration): Promise<void> {
    await this.settle();
    await this.world.advance(durationMs(duration));
    await this.settle();
  }

  /** A run with the tree of what it did. */
  async describe(runId: string): Promise<RunTree> {
    return (await this.app()).describe(runId);
  }

  /** @throws Error when a script or a recording has answers left that nobody asked for, or was asked for others */
  assertDone(): void {
    for (const [agent, model] of Object.entries(this.#options.models ?? {})) {
      try {
        model.assertDone?.();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`The model of ${agent} was not asked what its script says: ${why}`, { cause: error });
      }
    }
    const { tools } = this.#options;
    if (tools !== undefined && "assertDone" in tools) tools.assertDone();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#life?.app.close();
    this.#life = null;
  }

  async #toEnd(runId: string): Promise<void> {
    const latest = this.world.clock.monotonic() + durationMs(this.#options.patience ?? "365d");
    for (;;) {
      await this.settle();
      const app = await this.app();
      const run = await app.find(runId);
      if (run === undefined || run.status === "diverged" || isEnd(run.status)) return;
      if (await this.#answered(app)) continue;
      if (this.world.clock.monotonic() >= latest || !(await this.world.skip())) throw await this.#stuck(app, runId);
    }
  }

  /** Lets people answer what is open. True when somebody did. */
  async #answered(app: App): Promise<boolean> {
    let some = false;
    for (const { runId, waitId, name, request, kind } of await app.waiting({ limit: 10_000 })) {
      const answer = this.#options.people?.[name]?.(request);
      if (answer === undefined) continue;
      // Dead since it was asked: the next process asks again.
      if (this.#life?.app !== app) return true;
      const given =
        kind === "signal" ? app.signal(runId, name, answer) : app.answer(runId, waitId, answer, { by: name });
      // A process that dies meanwhile answers nobody; whether it was heard shows in what is still open.
      await Promise.race([given, this.#death.promise]);
      some = true;
    }
    return some;
  }

  async #stuck(app: App, runId: string): Promise<Error> {
    const open = (await app.waiting()).map(({ name, kind }) => `${kind} ${name}`);
    const what = open.length === 0 ? "nothing that a person could give" : open.join(", ");
    return new Error(
      `Run ${runId} does not end: it waits for ${what}. Name who answers in testApp({ people }), or start it and drive it by hand.`,
    );
  }

  async #alive(): Promise<{ readonly app: App; readonly engine: Engine }> {
    if (this.#life !== null) return this.#life;
    const { models, tools } = this.#options;
    // A script sends no bill, unless the test says so.
    const prices = { "script/script": { input: 0, output: 0 }, ...this.#options.prices };
    const engine = new Engine({
      store: this.#store,
      world: this.world,
      codec: clearCodec,
      pollMs: 0,
      services: new Map<string, unknown>([
        [modelsService, new AppModels({ models, prices }, () => Promise.resolve([]))],
        ...(tools === undefined ? [] : [[toolCallsService, tools] as const]),
      ]),
    });
    for (const agent of this.#agents) engine.register(agent);
    const life = { app: new App(engine, { tenant: "test", principal: "tester", worker: true }), engine };
    this.#life = life;
    if (this.#options.crashAfterEveryEntry === true)
      engine.listeners.add((written, run) => this.#crashOnce(engine, written, run.id));
    await engine.ownership.join();
    return life;
  }

  /** Once at each place: an effect whose process dies after its intent is begun again by another intent, for ever. */
  #crashOnce(engine: Engine, { kind, stored }: Written, runId: string): void {
    const place = `${runId} ${stored.scope} ${stored.op} ${kind}`;
    if (this.#crashedAt.has(place)) return;
    this.#crashedAt.add(place);
    this.#crash(engine);
  }

  /** kill -9: what was not committed never happened, and the operating system frees the lock. */
  #crash(engine: Engine): void {
    if (this.#life?.engine !== engine) return;
    this.#life = null;
    this.crashes++;
    this.#death.resolve();
    this.#death = Promise.withResolvers<void>();
    engine.halt();
    this.#store.leave(engine.ownership.owner);
    this.#rewindScripts();
  }

  /** Answers on their way when the process died were never heard: the next process asks for them again. */
  #rewindScripts(): void {
    const recorded = new Map<string, number>();
    for (const row of this.#store.runs({ limit: 100_000 })) {
      for (const [agent, count] of recordedAnswers(this.#store, row.key)) {
        recorded.set(agent, (recorded.get(agent) ?? 0) + count);
      }
    }
    for (const [agent, model] of Object.entries(this.#options.models ?? {})) model.rewind?.(recorded.get(agent) ?? 0);
  }
}

/** How many answers of models are in a journal, by agent: results and failures of the turn loop's steps. */
function recordedAnswers(store: MemoryStore, run: number): Map<string, number> {
  const agents = new Map<number, string>();
  const counts = new Map<string, number>();
  for (const entry of store.entries(run, 0, 1_000_000)) {
    const meta = (entry.meta === null ? {} : JSON.parse(entry.meta)) as { agent?: string; verb?: string };
    if (entry.seq === 1) agents.set(1, entry.name);
    if (meta.verb === "run" && meta.agent !== undefined) agents.set(entry.seq, meta.agent);
    if (meta.verb !== "step" || entry.name !== "model") continue;
    const agent = definedName(agents.get(entry.scope)?.split("@")[0] ?? "");
    counts.set(agent, (counts.get(agent) ?? 0) + 1);
  }
  return counts;
}

function isEnd(status: string): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "stopped";
}

/**
 * An app for a test.
 * @throws ConcertatoError `runtime/duration` for a malformed patience
 * @example
 * await using t = testApp({ models: { billing: script(call(findOrder, { id: "A1" }), reply("42")) }, crashAfterEveryEntry: true });
 * expect(await t.run(billing, "How much was A1?")).toBe("42");
 */
export function testApp(options: TestAppOptions = {}): TestApp {
  if (options.patience !== undefined) durationMs(options.patience);
  return new TestApp(options);
}
