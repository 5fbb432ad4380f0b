/** What users hold: an open app, and the runs they start, watch, answer and cancel in it. */
import { AgentFailure, ConcertatoError, type FailureRecord } from "./kernel/errors.ts";
import { decodeJson, encodeJson } from "./kernel/json.ts";
import { durationMs } from "./kernel/duration.ts";
import { type AnswerReceipt, type AnswerState, personOf, stateInJournal, stateInLine } from "./answers.ts";
import { fingerprint, numberOf } from "./kernel/derive.ts";
import { draftRetry } from "./dead-letter.ts";
import { draftFork, type ForkOptions } from "./fork.ts";
import {
  type Entry,
  entryKinds,
  type FinalStatus,
  type StopReason,
  type StopReport,
  type StoredEntry,
} from "./journal/entry.ts";
import { type CapOptions, type CapSummary, capSummaryOf, checkedCap } from "./journal/cap.ts";
import { stopReasonOf } from "./journal/stop-codes.ts";
import { EntryReader } from "./journal/entry-reader.ts";
import { openPayload, readBlobs } from "./journal/large-payload.ts";
import {
  type PauseTarget,
  type Change,
  type AgentPause,
  type Awaitable,
  type BackupDone,
  type ChangeResult,
  defaultPriority,
  type InboxSend,
  type Letter,
  type RunRow,
  type RunStatus,
} from "./journal/store.ts";
import { type Agent, agentId, type Saying } from "./runtime/agent.ts";
import type { BreakerSummary } from "./runtime/circuit-breakers.ts";
import { cancelNames } from "./runtime/cancel-order.ts";
import { type Budget, type Edge, limitsOf, narrowed, timed } from "./runtime/edge.ts";
import type { Engine } from "./runtime/engine.ts";
import type { Duration, SendOptions } from "./runtime/context.ts";
import { mailLimit } from "./runtime/mail-limit.ts";
import { mailSeal } from "./runtime/mail-sending.ts";
import { firstEntries } from "./runtime/nested-call.ts";
import { validateNow } from "./runtime/validation.ts";
import { boundAgent } from "./runtime/work.ts";
import { type ReplayAllOptions, type ReplayOptions, type ReplayReport, replayRun } from "./replay.ts";
import { assertName } from "./agents/name.ts";
import {
  isAddressed,
  isFinalStatus,
  isQuestion,
  isUnclaimed,
  pauseOf,
  type PausedSummary,
  withPause,
  noted,
  type RunSummary,
  summaryOf,
  unclaimedSummaryOf,
  type WaitSummary,
} from "./run-summary.ts";
import { check, type CheckReport } from "./check.ts";
import { explain, type ExplainQuery } from "./explain.ts";
import type { GrantExplanation } from "./policy/explain-grant.ts";
import { prune, type Pruned, type PruneOptions, type Retention } from "./retention.ts";
import { sayings, textOf } from "./sayings.ts";
import { type ComparedNode, compareTrees, firstDifference, type FirstDifference } from "./telemetry/compare-trees.ts";
import { assertRaisable } from "./raisable.ts";
import { runTree, type TreeNode } from "./telemetry/run-tree.ts";
import { alreadyThere, exportRun, importedRun } from "./transfer.ts";
import { Watchers } from "./watchers.ts";

/** How a run ended. `diverged` is not an end: it waits for the right code. */
export type Outcome<Output> =
  | { readonly status: "completed"; readonly output: Output }
  /** A limit or a rule ended it. The report is there where a budget or deadline did. */
  | {
      readonly status: "stopped";
      readonly reason: StopReason;
      readonly failure: FailureRecord;
      readonly report?: StopReport;
    }
  | { readonly status: "failed" | "cancelled" | "diverged"; readonly failure: FailureRecord };

/** A process that runs agents. */
export interface ProcessSummary {
  /** Its id in the store; never used twice. */
  readonly owner: number;
  /** Its process id on its machine; 0 in memory. */
  readonly pid: number;
  /** It holds its lock. One that hangs holds it too. */
  readonly alive: boolean;
  /** `name@version` of what it can run. */
  readonly agents: readonly string[];
  /** How many runs it holds. */
  readonly runs: number;
}

/** How a drain went. */
export interface DrainReport {
  /** Runs whose work under way did not end in time and was broken off; they go on elsewhere. */
  readonly unfinished: readonly string[];
}

/** How often a drain looks whether everything has left, in ms. */
const drainLookMs = 10;

/** What is paused or resumed: a run, or an agent (`name` for all versions, or `name@version`). */
export type PausedThing = { readonly runId: string } | { readonly agent: string };

/** Who starts a run, how it is found again, and what it may use. */
export interface StartOptions extends Edge {
  /** The same key with the same input finds the same run; with another input it is refused. */
  readonly key?: string;
  readonly tenant?: string;
  readonly principal?: string;
  readonly onBehalfOf?: string;
  /**
   * 0 (whenever there is time) to 9 (before everything else); runs that it starts inherit it. Default 5. Where enough runs
   * are at work, a more urgent one takes the place of the least urgent, which goes on later.
   */
  readonly priority?: number;
}

/** How a letter is sent from outside. */
export interface LetterOptions extends SendOptions {
  readonly key?: string;
}

/** An open question, with what is asked. */
export interface Question extends WaitSummary {
  readonly runId: string;
  readonly agent: string;
  readonly request: unknown;
  /** Who has answered, where no process has taken the answer up yet. */
  readonly answeredBy?: string;
}

/** A run with the tree of its scopes and operations. */
export interface RunTree {
  readonly run: RunSummary;
  readonly tree: TreeNode;
}

/** Two runs beside each other. */
export interface Comparison {
  readonly a: RunSummary;
  readonly b: RunSummary;
  readonly tree: ComparedNode;
  /** Where they part first; null when they did the same. */
  readonly first: FirstDifference | null;
}

export interface ListOptions {
  readonly status?: RunStatus | readonly RunStatus[];
  /** Name of the agent, without version. */
  readonly agent?: string;
  readonly tenant?: string;
  /** Default 50. */
  readonly limit?: number;
  /** Id of the last run of the page before. */
  readonly before?: string;
}

/** Which open questions are listed. */
export interface WaitingOptions {
  /** At most so many questions. Default 100. */
  readonly limit?: number;
  /** Only those of this name: who is asked, or what is waited for. */
  readonly name?: string;
  /** Only of these kinds. Default: answers, signals, effects in doubt and budgets. */
  readonly kinds?: readonly WaitSummary["kind"][];
  /** Only what runs of this agent ask. */
  readonly agent?: string;
  readonly tenant?: string;
}

/** A run that was started, here or anywhere. */
export interface Job<Output> {
  readonly runId: string;
  /** Waits for the end. Never throws for a failed run. */
  outcome(): Promise<Outcome<Output>>;
  /** The output; throws the failure. */
  result(): Promise<Output>;
  /** Every committed entry after `after`, as it is committed, up to the run's end. `live: false` stops at the present. */
  events(options?: { readonly after?: number; readonly live?: boolean }): AsyncGenerator<Entry, void, undefined>;
  /**
   * What its models say, while they say it, with who says it. What was said before, or in another process, comes whole,
   * as it was recorded.
   */
  sayings(): AsyncGenerator<Saying, void, undefined>;
  /** The text of what its models say, of all agents or of one (by name). */
  text(options?: { readonly agent?: string }): AsyncGenerator<string, void, undefined>;
}

const page = 200;

export class App implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #tenant: string;
  readonly #principal: string | undefined;
  readonly #worker: boolean;
  readonly #watchers: Watchers;
  readonly #retention: Retention | undefined;
  #closed = false;

  /** Use `open()`. */
  constructor(
    engine: Engine,
    options: {
      readonly tenant: string;
      readonly principal: string | undefined;
      readonly worker: boolean;
      readonly retention?: Retention | undefined;
    },
  ) {
    this.#engine = engine;
    this.#tenant = options.tenant;
    this.#principal = options.principal;
    this.#worker = options.worker;
    this.#retention = options.retention;
    this.#watchers = new Watchers(engine, options.worker);
  }

  /**
   * Starts a run; it is durable when this resolves.
   * @throws ConcertatoError `run/key-conflict` for a used key with another input, `agent/input-invalid`, `run/priority`
   */
  async start<Input, Output>(
    agent: Agent<Input, Output>,
    input: NoInfer<Input>,
    options: StartOptions = {},
  ): Promise<Job<Output>> {
    this.#open();
    const priority = checkedPriority(options.priority ?? defaultPriority);
    this.#engine.register(agent as Agent);
    const what = `input of ${agent.kind} ${agent.name}`;
    const text = encodeJson(validateNow(boundAgent(agent as Agent).input, input, what), what);
    const id = `run_${this.#engine.world.id()}`;
    const tenant = options.tenant ?? this.#tenant;
    await this.#engine.codec.prepare(tenant);
    const principal = options.principal ?? this.#principal;
    const bound = boundAgent(agent as Agent);
    const given = narrowed(limitsOf(options, agent.name), bound.limits);
    const limits = given === null ? null : timed(given, this.#engine.world.clock.now());
    // Where enough runs are at work it stands in line, and priority and tenant decide when its turn is.
    const isPaused = this.#engine.pauses.of(agentId(agent)) !== undefined;
    const owned = this.#worker && this.#engine.ownership.hasRoom && !isPaused;
    const { created, entries, blobs } = firstEntries(this.#engine, {
      id,
      agent: agentId(agent),
      tenant,
      parent: null,
      inputText: text,
      owner: owned ? this.#engine.ownership.owner : null,
      priority,
      startKey: options.key ?? null,
      meta: {
        ...(principal === undefined ? {} : { principal }),
        ...(options.onBehalfOf === undefined ? {} : { onBehalfOf: options.onBehalfOf }),
        ...(limits === null ? {} : { limits }),
      },
    });
    const result = await this.#submitStart(created.id, { kind: "create", run: created, entries, blobs });
    if (!result.ok) return this.#existing<Output>(result.run, created, options.key ?? "");
    const row: RunRow = {
      ...created,
      key: result.key,
      status: "running",
      epoch: 1,
      seq: 1,
      wake: null,
      parked: false,
      cancelling: false,
      createdAt: created.at,
      updatedAt: created.at,
      note: null,
      priority: created.priority ?? defaultPriority,
      needs: null,
      paused: null,
    };
    if (owned) this.#engine.adopt(row, text, created.at, result.firstRef, limits);
    else this.#engine.ownership.sweepSoon();
    return this.#job<Output>(id, result.key);
  }

  /** An unknown outcome is looked up: a run that is there was started. */
  async #submitStart(id: string, change: Parameters<Engine["committer"]["submit"]>[0]): Promise<ChangeResult> {
    try {
      return await this.#engine.committer.submit(change);
    } catch (error) {
      const row = await this.#engine.store.run(id);
      if (row === undefined) throw error;
      this.#engine.ownership.takeOver(row.key);
      return { ok: false, reason: "exists", run: row };
    }
  }

  #existing<Output>(
    row: RunRow | undefined,
    wanted: { readonly agent: string; readonly inputHash: string },
    key: string,
  ): Job<Output> {
    const sameAgent = row?.agent.split("@")[0] === wanted.agent.split("@")[0];
    if (row === undefined || row.inputHash !== wanted.inputHash || !sameAgent) {
      throw new ConcertatoError({
        code: "run/key-conflict",
        message: `The key "${key}" already belongs to run ${row?.id ?? "?"}, which was started with ${sameAgent ? "another input" : `agent ${row?.agent ?? "?"}`}. Use another key, or start the same again.`,
        details: { key, ...(row === undefined ? {} : { runId: row.id }) },
      });
    }
    return this.job<Output>(row.id);
  }

  /**
   * Starts a new run that begins as another one began and goes on by itself, with another input, state or version of its
   * agent. The original may be in any state and is not touched. By default nothing that the original did is done again:
   * what it recorded is taken over where the same is asked for, and a write or irreversible effect that it has no record of
   * stops the fork. Bodies draw the same random numbers and ids as in the original; idempotency keys are new.
   * @throws ConcertatoError `run/not-found`, `fork/invalid`, `agent/input-invalid`, `run/key-conflict`
   */
  async fork<Output = unknown>(runId: string, options: ForkOptions = {}): Promise<Job<Output>> {
    const source = await this.#row(runId);
    if (options.agent !== undefined) this.#engine.register(options.agent);
    const { created, entries, blobs, functions } = await draftFork(
      this.#engine,
      source,
      options,
      options.principal ?? this.#principal,
    );
    if (Object.keys(functions).length > 0) this.#engine.stubs.set(created.id, functions);
    const result = await this.#submitStart(created.id, { kind: "create", run: created, entries, blobs });
    if (!result.ok) return this.#existing<Output>(result.run, created, options.key ?? "");
    this.#engine.ownership.sweepSoon();
    return this.#job<Output>(created.id, undefined);
  }

  /**
   * Runs today's code, or `agents` in its place, on the whole journal of a run and says whether it asks for the same. In
   * memory: nothing is done outside, nothing is written. Finished scopes are run again too.
   * @throws ConcertatoError `run/not-found`
   */
  async replay(runId: string, options: ReplayOptions = {}): Promise<ReplayReport> {
    return replayRun(this.#engine, await this.#row(runId), options);
  }

  /** Replays many runs, newest first: before a deployment, all that are under way. */
  async replayAll(options: ReplayAllOptions = {}): Promise<readonly ReplayReport[]> {
    const { status = ["queued", "running", "waiting", "diverged"], agent } = options;
    const query = { status: [status].flat() as readonly RunStatus[], ...(agent === undefined ? {} : { agent }) };
    const reports: ReplayReport[] = [];
    for (let before: number | undefined; ; ) {
      this.#open();
      const rows = await this.#engine.store.runs({
        ...query,
        limit: page,
        ...(before === undefined ? {} : { before }),
      });
      for (const row of rows) reports.push(await replayRun(this.#engine, row, options));
      before = rows.at(-1)?.key;
      if (rows.length < page) return reports;
    }
  }

  /**
   * A run as lines of JSON, payloads in clear: one that describes it, then one for each entry (docs/guides/time-travel.md).
   * What is committed meanwhile is left out.
   * @throws ConcertatoError `run/not-found`, `journal/damaged`
   */
  async *export(runId: string): AsyncGenerator<string, void, undefined> {
    yield* exportRun(this.#engine, await this.#row(runId));
  }

  /**
   * Takes over a run that `export` wrote, under its own id. One that had ended is there to be looked at, replayed and
   * forked. One that had not goes on here, where its agents are: it is moved, so it must not go on where it came from too.
   * @param options.tenant whose it is here. Default: as exported
   * @throws ConcertatoError `import/invalid`, `import/exists`
   */
  async import<Output = unknown>(
    lines: Iterable<string> | AsyncIterable<string>,
    options: { readonly tenant?: string } = {},
  ): Promise<Job<Output>> {
    this.#open();
    const change = await importedRun(this.#engine, lines, options.tenant);
    const result = await this.#engine.committer.submit(change);
    if (!result.ok) throw alreadyThere(change.run.id);
    this.#engine.ownership.sweepSoon();
    return this.job<Output>(change.run.id);
  }

  /**
   * Two runs beside each other, operation by operation, aligned by path: a run and its fork, or two runs of one agent.
   * @throws ConcertatoError `run/not-found`
   */
  async compare(runA: string, runB: string): Promise<Comparison> {
    const [a, b] = [await this.describe(runA), await this.describe(runB)];
    const tree = compareTrees(a.tree, b.tree);
    return { a: a.run, b: b.run, tree, first: firstDifference(tree) };
  }

  /** A run by id, to watch or await. It may be of any process; that it exists is found out on use. */
  job<Output = unknown>(runId: string): Job<Output> {
    return this.#job(runId, undefined);
  }

  #job<Output>(runId: string, key: number | undefined): Job<Output> {
    return {
      runId,
      outcome: () => this.#outcome<Output>(runId, key),
      result: async () => {
        const end = await this.#outcome<Output>(runId, key);
        if (end.status === "completed") return end.output;
        throw new AgentFailure(end.failure);
      },
      events: (options = {}) => this.#events(runId, options.after ?? 0, options.live ?? true),
      sayings: () => sayings(this.#engine, runId, this.#events(runId, 0, true)),
      text: (options = {}) => textOf(sayings(this.#engine, runId, this.#events(runId, 0, true)), options.agent),
    };
  }

  /** Runs, newest first. */
  async runs(options: ListOptions = {}): Promise<readonly RunSummary[]> {
    this.#open();
    const before = options.before === undefined ? undefined : (await this.#row(options.before)).key;
    const status = options.status === undefined ? undefined : ([options.status].flat() as readonly RunStatus[]);
    const rows = await this.#engine.store.runs({
      limit: options.limit ?? 50,
      ...(before === undefined ? {} : { before }),
      ...(status === undefined ? {} : { status }),
      ...(options.agent === undefined ? {} : { agent: options.agent }),
      ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    });
    return this.#summaries(rows);
  }

  /** One run. Undefined when there is none of this id. */
  async find(runId: string): Promise<RunSummary | undefined> {
    this.#open();
    const row = await this.#engine.store.run(runId);
    return row && (await this.#summaries([row]))[0];
  }

  /** A run with the tree of its scopes and operations, their inputs and outputs. */
  async describe(runId: string): Promise<RunTree> {
    const row = await this.#row(runId);
    const entries = await this.#journal(runId);
    const [run = summaryOf(row)] = await this.#summaries([row]);
    return { run, tree: runTree(entries) };
  }

  async #journal(runId: string): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    for await (const entry of this.#events(runId, 0, false)) entries.push(entry);
    return entries;
  }

  /**
   * Whether an agent may use a tool at a place in a run, and who decided it: the edges on the way, from whoever started
   * the first run, with the tools that each handed over. Asks nobody and changes nothing.
   * @throws ConcertatoError `run/not-found` when there is no such run, or nothing at that address
   * @example
   * const { allowed, why } = await app.explain(job.runId, { path: "0.1", tool: "refund" });
   */
  async explain(runId: string, query: ExplainQuery): Promise<GrantExplanation> {
    await this.#row(runId);
    const { store } = this.#engine;
    return explain(
      async (id) => {
        const row = await store.run(id);
        return row && { entries: await this.#journal(id), parent: row.parent };
      },
      runId,
      query,
    );
  }

  /** Rows as lists show them. Who lives is asked only when some run waits to be taken. */
  async #summaries(rows: readonly RunRow[]): Promise<readonly RunSummary[]> {
    const { store, world } = this.#engine;
    const now = world.clock.now();
    const unclaimed = (row: RunRow): boolean => isUnclaimed(row, now);
    const pauses = rows.every(({ status }) => isFinalStatus(status)) ? [] : await store.pauses();
    const pausedBy = (row: RunRow): PausedSummary | undefined => pauseOf(row, pauses);
    if (!rows.some(unclaimed)) return rows.map((row) => withPause(summaryOf(row), pausedBy(row)));
    const living = (await store.owners()).filter(({ alive }) => alive);
    const agents = new Set(living.flatMap((owner) => owner.agents));
    return rows.map((row) => {
      const summary = unclaimed(row) ? unclaimedSummaryOf(row, agents) : summaryOf(row);
      return withPause(summary, pausedBy(row));
    });
  }

  /** Open questions to people, of all runs; newest run first. Of one run, at most the first 20. */
  async waiting(options: WaitingOptions = {}): Promise<readonly Question[]> {
    const { limit = 100, name, kinds, agent, tenant } = options;
    const isWanted = (wait: WaitSummary): boolean =>
      isQuestion(wait) && (name === undefined || wait.name === name) && (kinds?.includes(wait.kind) ?? true);
    const questions: Question[] = [];
    for (let before: number | undefined; ; ) {
      this.#open();
      const rows = await this.#engine.store.runs({
        status: ["waiting", "running"],
        limit: page,
        ...(before === undefined ? {} : { before }),
        ...(agent === undefined ? {} : { agent }),
        ...(tenant === undefined ? {} : { tenant }),
      });
      for (const row of rows) {
        const asked = summaryOf(row).waiting.filter(isWanted);
        if (asked.length > 0) questions.push(...(await this.#questionsOf(row, asked)));
        if (questions.length >= limit) return questions.slice(0, limit);
      }
      before = rows.at(-1)?.key;
      if (rows.length < page) return questions;
    }
  }

  async #questionsOf(row: RunRow, asked: readonly WaitSummary[]): Promise<readonly Question[]> {
    await this.#engine.codec.prepare(row.tenant);
    const requests = await this.#requests(row, asked);
    const answers = await this.#unreadAnswers(row);
    return asked.map((wait) => {
      const by = answers.get(wait.waitId);
      const question = { ...wait, runId: row.id, agent: row.agent, request: requests.get(wait.waitId) };
      return by === undefined ? question : { ...question, answeredBy: by };
    });
  }

  async #requests(row: RunRow, asked: readonly WaitSummary[]): Promise<Map<string, unknown>> {
    const entries: Entry[] = [];
    for await (const entry of this.#events(row.id, 0, false)) entries.push(entry);
    const requests = new Map<string, unknown>();
    const walk = (node: TreeNode): void => {
      if (asked.some((wait) => wait.waitId === node.wait?.waitId))
        requests.set(node.wait?.waitId ?? node.path, node.input);
      if (node.budget?.asked !== undefined) requests.set(node.budget.asked.waitId, node.budget.asked.report);
      for (const child of node.children) walk(child);
    };
    walk(runTree(entries));
    return requests;
  }

  /** All that a run waits for: from its row, or, where that is more than a row names, from its journal. */
  async #openQuestions(row: RunRow): Promise<readonly { readonly waitId: string; readonly name: string }[]> {
    const { waiting } = summaryOf(row);
    if (waiting.length < noted) return waiting.filter(isAddressed);
    const { tree } = await this.describe(row.id);
    const open: { waitId: string; name: string }[] = [];
    const walk = (node: TreeNode): void => {
      if (node.wait !== undefined) open.push({ waitId: node.wait.waitId, name: node.wait.name });
      if (node.budget?.asked !== undefined) open.push({ waitId: node.budget.asked.waitId, name: "budget" });
      for (const child of node.children) walk(child);
    };
    walk(tree);
    return open;
  }

  /** Answers that lie in the run's inbox: who gave them, by address. */
  async #unreadAnswers(row: RunRow): Promise<Map<string, string>> {
    const answers = new Map<string, string>();
    // Whoever sends also wakes the run, and nobody gives it back before all is read: it rests, so there is nothing.
    if (row.owner === null && row.wake !== 0) return answers;
    for (const message of await this.#engine.store.inbox(row.key, 1_000)) {
      if (!message.name.startsWith("answer:")) continue;
      const waitId = message.name.slice("answer:".length);
      // The first that fits counts.
      if (!answers.has(waitId)) answers.set(waitId, personOf(message.sender));
    }
    return answers;
  }

  /**
   * Answers one open question.
   * @param waitId its address, as `waiting` and `describe` show it
   * @param options.by who answers; recorded as the sender
   * @returns a receipt, by which `answerState` tells what became of the answer
   * @throws ConcertatoError `run/not-found`, `run/already-finished`, `run/not-waiting` when that question is not open
   */
  async answer(
    runId: string,
    waitId: string,
    value: unknown,
    options: { readonly by?: string } = {},
  ): Promise<AnswerReceipt> {
    const row = await this.#row(runId);
    this.#assertOpen(row);
    const asked = await this.#openQuestions(row);
    // An effect in doubt may be named by its operation; the answer is bound to the doubt that is open now.
    const question =
      asked.find((wait) => wait.waitId === waitId) ?? asked.find((wait) => wait.waitId.split("@")[0] === waitId);
    if (question === undefined) {
      const open = asked.map((wait) => `${wait.waitId} (${wait.name})`);
      throw new ConcertatoError({
        code: "run/not-waiting",
        message: `Run ${runId} has no open question at ${waitId}. Open now: ${open.length === 0 ? "none" : open.slice(0, noted).join(", ")}.`,
        details: { runId, waitId, open: asked.map((wait) => wait.waitId) },
      });
    }
    const earlier = (await this.#unreadAnswers(row)).get(question.waitId);
    if (earlier !== undefined) {
      throw new ConcertatoError({
        code: "run/not-waiting",
        message: `Run ${runId} was already answered at ${waitId} by ${earlier}. The answer counts as soon as a process that runs ${row.agent} takes it up.`,
        details: { runId, waitId, by: earlier },
      });
    }
    const sender = this.#senderOf(options.by);
    await this.#send(row, {
      sender,
      n: 1,
      kind: "signal",
      name: `answer:${question.waitId}`,
      body: this.#seal(row, value, `answer to ${waitId}`),
      at: this.#engine.world.clock.now(),
    });
    return { runId, waitId: question.waitId, sender };
  }

  /**
   * What became of an answer: two people may answer at the same moment, and each is told whose counts.
   * @throws ConcertatoError `run/not-found`
   */
  async answerState(receipt: AnswerReceipt): Promise<AnswerState> {
    const { key } = await this.#row(receipt.runId);
    const inLine = stateInLine(receipt, await this.#engine.store.inbox(key, 1_000));
    if (inLine !== undefined) return inLine;
    // Taken up: the row went with the entries that say what it did.
    for await (const entry of this.#events(receipt.runId, 0, false)) {
      const state = stateInJournal(receipt, entry);
      if (state !== undefined) return state;
    }
    return { status: "late" };
  }

  /**
   * Gives a budget more, whether it is used up already or not: the amounts are added, `time` puts the deadline off. Work that
   * waited for it goes on; who raised it is in the journal. To refuse, answer the question with `{ approved: false }`.
   * @param path whose budget: "0" is the run's own, else the address of a call, as `describe` shows it
   * @throws ConcertatoError `policy/raise-refused` where there is no such budget, or one around it has not so much left;
   * `run/not-found`, `run/already-finished`
   * @example
   * await app.raiseBudget(runId, "0", { usd: 0.5 }, { by: "ann" });
   */
  async raiseBudget(runId: string, path: string, more: Budget, options: { readonly by?: string } = {}): Promise<void> {
    const row = await this.#row(runId);
    this.#assertOpen(row);
    limitsOf({ budget: more }, `raise of ${path}`);
    const { tree } = await this.describe(runId);
    assertRaisable(runId, tree, path, more);
    await this.#send(row, {
      sender: this.#senderOf(options.by),
      n: 1,
      kind: "budget",
      name: path,
      body: this.#seal(row, { approved: true, budget: more }, `raise of ${path}`),
      at: this.#engine.world.clock.now(),
    });
  }

  #senderOf(by: string | undefined): string {
    return `${by ?? this.#principal ?? "someone"}#${fingerprint(this.#engine.world.id())}`;
  }

  /**
   * Sends a named signal. It is kept until the run waits for it.
   * @param options.key makes it idempotent: the same key is delivered once
   */
  async signal(runId: string, name: string, value?: unknown, options: { readonly key?: string } = {}): Promise<void> {
    const row = await this.#row(runId);
    this.#assertOpen(row);
    const sender = options.key === undefined ? this.#engine.world.id() : `key:${options.key}`;
    await this.#send(row, {
      sender,
      n: 1,
      kind: "signal",
      name: `signal:${name}`,
      body: this.#seal(row, value, `signal ${name}`),
      at: this.#engine.world.clock.now(),
    });
  }

  /**
   * Sends a letter to a channel of a run, which takes it with `ctx.receive`. It is in the run's mailbox when this resolves.
   * @param options.limit so many letters may lie in the channel unread. Default 100
   * @param options.key makes it idempotent: sent again under the same key, by whatever process, it is the same letter; it is
   * known as long as the run is kept
   * @throws ConcertatoError `mailbox/full` when so many do (send again later), `mailbox/key-conflict` for a key that was used
   * for another channel or value, `run/not-found`, `run/already-finished`
   * @example
   * await app.send(job.runId, "orders", { id: "A1" });
   */
  async send(runId: string, channel: string, value?: unknown, options: LetterOptions = {}): Promise<void> {
    const limit = mailLimit(options.limit);
    const text = encodeJson(value, `letter for ${channel}`);
    const { tenant } = await this.#row(runId);
    const { key } = options;
    const { codec } = this.#engine;
    const letter: Letter = {
      channel,
      ...(key === undefined
        ? { sender: `mail#${this.#engine.world.id()}`, n: 0 }
        : // Hashed by the codec: with a key of the tenant nobody can guess at the content by it.
          { sender: `mail-key:${key}`, n: numberOf(codec.hash(tenant, `${channel}\n${text ?? ""}`)), keyed: true }),
      at: this.#engine.world.clock.now(),
      body: text === null ? null : codec.seal(tenant, mailSeal, text),
    };
    const result = await this.#engine.committer.submit({
      kind: "mail",
      to: runId,
      tenant,
      letter,
      limit,
      waiter: null,
    });
    if (result.ok) return this.#engine.ownership.sweepSoon();
    if (result.reason === "conflict") {
      throw new ConcertatoError({
        code: "mailbox/key-conflict",
        message: `The key "${key ?? ""}" was used for another letter to run ${runId}; this one, for channel ${channel}, was not taken. Use a key of its own for each letter, or send the same again.`,
        details: { runId, channel, key: key ?? "" },
      });
    }
    if (result.reason !== "full") throw finished(runId);
    throw new ConcertatoError({
      code: "mailbox/full",
      message: `Channel ${channel} of run ${runId} holds ${limit} unread letters; this one was not taken. Send it again when the run has received some.`,
      details: { runId, channel, limit },
    });
  }

  /**
   * Puts a failed or diverged run back. A diverged run is taken up again, after its code was mended or its journal restored,
   * by any process that has its agent. A failed run has ended for good: a new run goes on in its place, which takes over
   * what it had done and does again what failed (docs/guides/upkeep.md). Retrying the same failed run again finds that run.
   * One that is under way is left as it is.
   * @returns the run that goes on
   * @throws ConcertatoError `run/not-found`, `run/already-finished`, `run/retry-refused` where it is not safe
   */
  async retry<Output = unknown>(runId: string): Promise<Job<Output>> {
    const row = await this.#row(runId);
    if (row.status === "failed") return this.#putBack<Output>(row);
    if (isFinalStatus(row.status)) throw finished(runId);
    if (row.status === "diverged") {
      const { clock } = this.#engine.world;
      // Refused: somebody else took it up in between.
      await this.#engine.committer.submit({
        kind: "release",
        run: row.key,
        epoch: row.epoch,
        seq: row.seq,
        status: "queued",
        note: null,
        wake: 0,
        parked: false,
        needs: null,
        at: clock.now(),
        anew: true,
      });
      this.#watchers.forget(runId);
      this.#engine.ownership.sweepSoon();
    }
    return this.job<Output>(runId);
  }

  async #putBack<Output>(row: RunRow): Promise<Job<Output>> {
    const { created, entries, blobs } = await draftRetry(this.#engine, row, this.#principal);
    const result = await this.#submitStart(created.id, { kind: "create", run: created, entries, blobs });
    if (!result.ok) return this.#existing<Output>(result.run, created, created.startKey ?? "");
    this.#engine.ownership.sweepSoon();
    return this.#job<Output>(created.id, undefined);
  }

  /**
   * Cancels a run. When this resolves, no later step of it will be recorded; work under way is told to stop. What it had
   * registered with `ctx.compensate` is undone, last first, and then it ends as `cancelled`; `run.undoing` of lists says
   * how far that has come. Cancelling a run again while it undoes changes nothing.
   * @param options.reason told in its failure
   * @throws ConcertatoError `run/already-finished` when it ended first, or has failed and is being undone already
   */
  async cancel(runId: string, options: { readonly reason?: string } = {}): Promise<void> {
    const row = await this.#row(runId);
    const undoing = summaryOf(row).undoing !== undefined;
    if (row.cancelling && undoing) return;
    if (row.cancelling || undoing || isFinalStatus(row.status)) throw finished(runId);
    await this.#submitCancel(row, cancelNames.cancel, options.reason);
  }

  /**
   * Ends a run at once, as `cancelled`: like `cancel`, and nothing is undone; a run that is undoing stops where it is.
   * For a run whose undoing is worse than what it has done, or cannot end.
   * @param options.reason told in its failure
   * @throws ConcertatoError `run/already-finished`
   */
  async terminate(runId: string, options: { readonly reason?: string } = {}): Promise<void> {
    const row = await this.#row(runId);
    if (isFinalStatus(row.status)) throw finished(runId);
    await this.#submitCancel(row, cancelNames.terminate, options.reason);
  }

  async #submitCancel(row: RunRow, name: string, reason: string | undefined): Promise<void> {
    const message: InboxSend = {
      sender: `cancel#${this.#engine.world.id()}`,
      n: 1,
      kind: "cancel",
      name,
      body: this.#seal(row, reason ?? "", "reason"),
      at: this.#engine.world.clock.now(),
    };
    // Looked up before: what this process holds afterwards may be the cancelled run, taken again to undo what it did.
    const live = this.#engine.runs.get(row.key);
    const result = await this.#engine.committer.submit({ kind: "cancel", to: row.id, row: message });
    if (!result.ok) throw finished(row.id);
    if (live !== undefined) this.#engine.drop(live);
    this.#engine.ownership.sweepSoon();
  }

  /**
   * Pauses a run, or an agent: every run of it, and what other runs call of it. What is under way ends and is recorded;
   * nothing new begins, in any process, until `resume`. Answers and signals are kept, deadlines that pass meanwhile count
   * afterwards. A run already paused stays paused by who did it first.
   * @param target.agent `name` for all versions, or `name@version`; it need not be known here
   * @param options.by who pauses; shown in lists. Default: the app's principal
   * @throws ConcertatoError `run/not-found`, `run/already-finished`, `agent/name`
   */
  async pause(target: PausedThing, options: { readonly by?: string } = {}): Promise<void> {
    const by = options.by ?? this.#principal ?? "someone";
    const since = this.#engine.world.clock.now();
    const [paused, row] = await this.#pauseTarget(target);
    const told = row?.paused === null ? this.#tell(row, "paused", by) : [];
    await this.#steer({ kind: "pause", target: paused, pause: { by, since } }, told);
  }

  /**
   * Lets a paused run or agent go on, in any process. One that is not paused stays as it is; pauses do not add up.
   * @param options.by who resumes; in the run's journal. Default: the app's principal
   * @throws ConcertatoError `run/not-found`, `run/already-finished`, `agent/name`
   */
  async resume(target: PausedThing, options: { readonly by?: string } = {}): Promise<void> {
    const [paused, row] = await this.#pauseTarget(target);
    const told = row === undefined || row.paused === null ? [] : this.#tell(row, "resumed", options.by);
    await this.#steer({ kind: "resume", target: paused }, told);
  }

  /**
   * Takes a run, or all runs of a process, from whoever has them, dead or alive: for a process that hangs and still holds
   * its lock. Any process that has the agents goes on with them at once. The one put out can record nothing more of them;
   * when it wakes it drops them. What it had under way is treated as after a death: effects are in doubt.
   * @param target.owner its id, as `processes` tells it
   * @throws ConcertatoError `run/not-found`, `run/already-finished`
   */
  async takeOver(target: { readonly runId: string } | { readonly owner: number }): Promise<void> {
    if ("owner" in target) {
      this.#open();
      await this.#engine.committer.submit({ kind: "put-out", owner: target.owner });
    } else {
      await this.#row(target.runId);
      const result = await this.#engine.committer.submit({ kind: "take-over", to: target.runId });
      if (!result.ok) throw finished(target.runId);
    }
    this.#engine.ownership.sweepSoon();
  }

  /**
   * Caps what the runs of a tenant, of an agent, or of one for the other may spend together, over all processes on this store.
   * An attempt begins only when what it estimates fits (`reserve` of its agent; without, while something is left). What
   * attempts take beyond their estimates goes over the cap, and nothing else does. Setting it again changes it; what is
   * spent in the window stays spent. Processes notice a cap within half a second; what they use before is not counted.
   * @throws ConcertatoError `policy/cap-invalid`, `policy/usage-invalid`
   * @example
   * await app.setCap({ tenant: "acme", usd: 20, per: "day", onExhausted: "wait" });
   */
  async setCap(options: CapOptions): Promise<void> {
    this.#open();
    const { scope, cap } = checkedCap(options);
    await this.#engine.committer.submit(cap === null ? { kind: "remove-cap", scope } : { kind: "set-cap", cap });
    await this.#engine.caps.refresh();
  }

  /** The caps, with what is spent and reserved of them in their present windows. */
  async caps(): Promise<readonly CapSummary[]> {
    this.#open();
    const now = this.#engine.world.clock.now();
    return (await this.#engine.store.caps(now)).map((row) => capSummaryOf(row, now));
  }

  /**
   * The circuit breakers of this process that are open, or have counted failures lately. Other processes have their own, and
   * one that closed is not listed.
   */
  breakers(): readonly BreakerSummary[] {
    this.#open();
    return this.#engine.breakers.list();
  }

  /** The processes that run agents on this store, oldest first. One that died is listed until another has seen it. */
  async processes(): Promise<readonly ProcessSummary[]> {
    this.#open();
    const owners = await this.#engine.store.owners();
    return owners.map(({ id, process, ...rest }) => ({ owner: id, pid: process, ...rest }));
  }

  /** The agents that are paused. Paused runs say so in lists. */
  async pausedAgents(): Promise<readonly AgentPause[]> {
    this.#open();
    return this.#engine.store.pauses();
  }

  /** What is steered, with its row where that is a run. */
  async #pauseTarget(target: PausedThing): Promise<readonly [target: PauseTarget, row?: RunRow]> {
    this.#open();
    if ("agent" in target) {
      const [name = "", version] = target.agent.split("@");
      assertName("agent", version === undefined || /^\d+$/.test(version) ? name : target.agent);
      return [{ agent: target.agent }];
    }
    const row = await this.#row(target.runId);
    return [{ run: target.runId }, row];
  }

  /** Word of what is done to a run, for its journal. */
  #tell(row: RunRow, name: "paused" | "resumed" | "prioritised", by: string | undefined, more: object = {}): Change[] {
    const who = by ?? this.#principal ?? "someone";
    const at = this.#engine.world.clock.now();
    const body = this.#seal(row, { by: who, at, ...more }, name);
    return [{ kind: "send", to: row.id, row: { sender: this.#senderOf(who), n: 1, kind: "steered", name, body, at } }];
  }

  /** The word goes first and in the same turn, so that both stand in one transaction, or neither does. */
  async #steer(change: Extract<Change, { kind: "pause" | "resume" }>, told: readonly Change[]): Promise<void> {
    const { committer } = this.#engine;
    const [result] = await Promise.all([...told, change].map((each) => committer.submit(each)).reverse());
    if (result === undefined) return;
    if (!result.ok) throw finished("run" in change.target ? change.target.run : "");
    this.#engine.ownership.sweepSoon();
  }

  /**
   * Gives a run another priority. It counts from its next turn on: among runs that wait, among attempts that wait for a
   * slot, and when a more urgent run needs a place.
   * @param priority 0 to 9
   * @param options.by who changes it; in the run's journal. Default: the app's principal
   * @throws ConcertatoError `run/priority`, `run/not-found`, `run/already-finished`
   */
  async prioritise(runId: string, priority: number, options: { readonly by?: string } = {}): Promise<void> {
    checkedPriority(priority);
    const row = await this.#row(runId);
    const { committer } = this.#engine;
    const told = row.priority === priority ? [] : this.#tell(row, "prioritised", options.by, { priority });
    const changes: readonly Change[] = [...told, { kind: "prioritise", to: runId, priority }];
    const [result = { ok: true }] = await Promise.all(changes.map((change) => committer.submit(change)).reverse());
    if (!result.ok) throw finished(runId);
    this.#engine.ownership.sweepSoon();
  }

  /**
   * Resolves when every run this process owns has ended or waits for something that only comes from outside or with
   * time: a person, a signal, a run of another process, a sleep. A failed attempt that waits for its retry is work under
   * way, so its retries are waited out; only a run that was given back to the store (memory ran short) counts as waiting.
   */
  async settle(): Promise<void> {
    for (;;) {
      await this.#engine.ownership.sweep(false);
      await new Promise<void>((resolve) => this.#engine.world.yield(resolve));
      if (this.#engine.ownership.settled) return;
      await new Promise<void>((resolve) => {
        this.#engine.world.timer(5, resolve);
      });
    }
  }

  /**
   * Deletes finished runs that ended long enough ago, with all that is theirs, and gives their space on the disk back. Never a
   * run that is not finished, never one whose parent is not. What was deleted is gone: its id is not found any more, and a
   * start key it had may be used for another run.
   * @throws ConcertatoError `runtime/duration` for an age that is none, `agent/input-invalid` for another wrong option
   */
  async prune(options: PruneOptions): Promise<Pruned> {
    this.#open();
    return prune(this.#engine.store, this.#engine.world, options, {
      background: false,
      stopped: () => this.#closed,
    });
  }

  /**
   * Reads every run, changes nothing, and names those whose journal or row is damaged. Takes as long as reading everything does;
   * the event loop stays free.
   * @throws ConcertatoError `store/unavailable` when the disk does not answer
   */
  async check(): Promise<CheckReport> {
    this.#open();
    return check(this.#engine);
  }

  /**
   * Copies the database into a new file while it is used. The copy holds everything that was acknowledged before the call, and
   * of each run the beginning of its journal without a gap; it is on the disk when this resolves. Writers do not wait for it.
   * To restore, stop every process and open the copy: an effect that was under way is in doubt there, as after a crash; of
   * effects that took place after the backup it knows nothing (docs/guides/upkeep.md).
   * @param path a file that does not exist yet, in a folder that does
   * @throws ConcertatoError `store/exists`, `store/full`, `store/unavailable`, `store/unsupported` for an app in memory
   */
  async backup(path: string): Promise<BackupDone> {
    this.#open();
    return this.#engine.store.backup(path);
  }

  /**
   * Closes in good order: takes nothing new, lets attempts under way end and be recorded until the time is over, gives every
   * run back with its deadlines, and closes. What could not end in time is told to stop, as `close` does at once; an effect
   * that was broken off so is in doubt for the next process. No run is lost either way.
   * @param options.within how long work under way may take. Default "10s"
   * @throws ConcertatoError `runtime/duration`
   */
  async drain(options: { readonly within?: Duration } = {}): Promise<DrainReport> {
    const { world, ownership } = this.#engine;
    const deadline = world.clock.monotonic() + durationMs(options.within ?? "10s");
    this.#open();
    ownership.giveAllBack();
    while (!ownership.emptied && world.clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => {
        world.timer(drainLookMs, resolve);
      });
    }
    const unfinished = [...this.#engine.runs.values()].map(({ id }) => id);
    await this.close();
    return { unfinished };
  }

  /** Gives ownership back and closes. Work under way is told to stop and goes on where the app is opened next. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#retention?.stop();
    await this.#engine.ownership.drain();
    this.#engine.halt();
    this.#watchers.close();
    await this.#engine.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  #open(): void {
    if (this.#closed)
      throw new ConcertatoError({ code: "runtime/closed", message: "This app is closed. Open it again with open()." });
  }

  async #row(runId: string): Promise<RunRow> {
    this.#open();
    const row = await this.#engine.store.run(runId);
    if (row !== undefined) {
      await this.#engine.codec.prepare(row.tenant);
      return row;
    }
    throw new ConcertatoError({
      code: "run/not-found",
      message: `There is no run ${runId} in ${this.#engine.store.name}. List the runs to find its id.`,
      details: { runId },
    });
  }

  #assertOpen(row: RunRow): void {
    // What undoes a cancelled run may ask people, like anything else.
    const ending = row.cancelling && summaryOf(row).undoing === undefined;
    if (isFinalStatus(row.status) || ending) throw finished(row.id);
  }

  #seal(row: RunRow, value: unknown, what: string): string | Uint8Array | null {
    const text = encodeJson(value, what);
    return text === null ? null : this.#engine.codec.seal(row.tenant, row.id, text);
  }

  async #send(row: RunRow, message: InboxSend): Promise<void> {
    const result = await this.#engine.committer.submit({ kind: "send", to: row.id, row: message });
    if (!result.ok) throw finished(row.id);
    this.#engine.ownership.sweepSoon();
  }

  async #outcome<Output>(runId: string, key: number | undefined): Promise<Outcome<Output>> {
    const watch = this.#watchers.watch(runId, true);
    try {
      // A run that this process holds has not ended, and its end will be told: the store need not be asked.
      if (key !== undefined && this.#engine.runs.has(key)) await watch.next();
      for (;;) {
        const known = this.#watchers.endOf(runId) ?? (await this.#storedEnd(runId));
        if (known !== undefined) return outcomeOf<Output>(known.status, known.text);
        this.#open();
        await watch.next();
      }
    } finally {
      watch.stop();
    }
  }

  async #storedEnd(runId: string): Promise<{ status: FinalStatus | "diverged"; text: string | null } | undefined> {
    const row = await this.#row(runId);
    if (row.status !== "diverged" && !isFinalStatus(row.status)) return undefined;
    const [last] = await this.#engine.store.entries(row.key, row.seq - 1, 1);
    // A run that was set aside as damaged got no entry: its last one says something else.
    if (row.status === "diverged" && last?.kind !== entryKinds.diverged)
      return { status: row.status, text: JSON.stringify(setAside(row)) };
    return { status: row.status, text: last === undefined ? null : await this.#payload(row, last) };
  }

  /** A payload in clear. Large ones are fetched entry by entry: a page of them could fill the memory. */
  #payload(run: RunRow, stored: StoredEntry): Awaitable<string | null> {
    const { store, codec } = this.#engine;
    const blobs = readBlobs(store, codec, run, [stored]);
    if (!(blobs instanceof Promise)) return openPayload(codec, run, stored, blobs);
    return blobs.then((texts) => openPayload(codec, run, stored, texts));
  }

  async *#events(runId: string, after: number, live: boolean): AsyncGenerator<Entry, void, undefined> {
    const run = await this.#row(runId);
    const watch = this.#watchers.watch(runId, !live);
    let seen = after;
    const reader = new EntryReader(
      (stored) => this.#payload(run, stored),
      async (seq) => (await this.#engine.store.entries(run.key, seq - 1, 1))[0],
    );
    try {
      for (;;) {
        const fresh = watch.take(seen);
        for (const stored of fresh) {
          seen = stored.seq;
          const entry = reader.read(stored);
          yield entry instanceof Promise ? await entry : entry;
          if (stored.kind === entryKinds["run-ended"] || stored.kind === entryKinds.diverged) return;
        }
        if (fresh.length > 0) {
          await watch.next();
          if (this.#closed) return;
          continue;
        }
        const entries = await this.#engine.store.entries(run.key, seen, page);
        for (const stored of entries) {
          seen = stored.seq;
          const entry = reader.read(stored);
          yield entry instanceof Promise ? await entry : entry;
        }
        if (entries.length === page) continue;
        const row = await this.#row(runId);
        if (seen < row.seq) continue;
        if (!live || isFinalStatus(row.status) || row.status === "diverged") return;
        await watch.next();
        if (this.#closed) return;
      }
    } finally {
      watch.stop();
    }
  }
}

function checkedPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 9) return priority;
  throw new ConcertatoError({
    code: "run/priority",
    message: `${priority} is not a priority. Use a whole number from 0 (whenever there is time) to 9 (before everything else).`,
    details: { priority: String(priority) },
  });
}

function setAside(row: RunRow): FailureRecord {
  const code = summaryOf(row).failure ?? "journal/damaged";
  return {
    code,
    message: `Run ${row.id} was set aside (${code}). Restore it from a backup, or the code it was started with.`,
    retryable: false,
  };
}

function finished(runId: string): ConcertatoError {
  return new ConcertatoError({
    code: "run/already-finished",
    message: `Run ${runId} has already ended; nothing was changed. Start a new run.`,
    details: { runId },
  });
}

function outcomeOf<Output>(status: FinalStatus | "diverged", text: string | null): Outcome<Output> {
  // The runtime checked the output against the agent's schema before it was recorded.
  if (status === "completed") return { status, output: decodeJson(text) as Output };
  const failure = decodeJson(text) as FailureRecord;
  if (status !== "stopped") return { status, failure };
  const report = reportIn(failure);
  const reason = stopReasonOf(failure.code) ?? "budget";
  return { status, reason, failure, ...(report === undefined ? {} : { report }) };
}

/** The report that the runtime wrote into a stop's details. */
function reportIn({ details }: FailureRecord): StopReport | undefined {
  return details !== undefined && "limit" in details && "spent" in details
    ? (details as unknown as StopReport)
    : undefined;
}
