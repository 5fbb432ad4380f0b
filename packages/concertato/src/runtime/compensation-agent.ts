/**
 * The library's workflow that undoes: it runs what was registered, last first, one after the other, each as a call like
 * any other (intent, retries, doubt, people). One that fails leaves the others to be run. Being a workflow, it is
 * journaled, replayed, parked and traced like one.
 */
import { toFailureRecord } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import { type Agent, agentId } from "./agent.ts";
import type { BodyContext } from "./body-context.ts";
import { readRegistered, type Registered, type RegisteredPage } from "./compensation-chain.ts";
import { done, next, type StepOptions } from "./context.ts";
import { depart, noWorker } from "./departure.ts";
import type { Scope } from "./scope.ts";

/** What could not be undone, and why. */
export interface NotUndone {
  /** `name@version` of the compensation. */
  readonly agent: string;
  /** Address of its call, where its attempts stand. */
  readonly path: string;
  /** Seq of the entry that registered it. */
  readonly registered: number;
  readonly code: string;
  readonly message: string;
}

/** How far undoing has come. */
export interface UndoReport {
  readonly undone: number;
  readonly failed: number;
  /** The first that failed; `failed` says how many there are. */
  readonly notUndone: readonly NotUndone[];
}

/** Registered compensations that are read, and kept in the loop's turn, at once. */
const page = 16;

/** Failures that a report names. */
const named = 20;

/** A store that is away for a while must not cost anybody what is registered. */
const reading: StepOptions<RegisteredPage> = {
  effect: "read",
  retry: { attempts: Number.MAX_SAFE_INTEGER, backoff: 100, maxBackoff: "10s" },
};

export const nothingUndone: UndoReport = { undone: 0, failed: 0, notUndone: [] };

interface State extends UndoReport {
  readonly heads: readonly number[];
}

async function undo(heads: readonly number[], ctx: BodyContext): Promise<UndoReport> {
  const { run } = ctx.scope;
  return ctx.loop<State, UndoReport>({ ...nothingUndone, heads }, async (state, turn) => {
    const found = await turn.step("registered", () => readRegistered(run, state.heads, page), reading);
    let report: UndoReport = { undone: state.undone, failed: state.failed, notUndone: state.notUndone };
    for (const one of found.registered) {
      const failure = await undoOne(one, turn as BodyContext);
      report = failure === null ? { ...report, undone: report.undone + 1 } : noted(report, failure);
    }
    return found.heads.length === 0 ? done(report) : next({ ...report, heads: found.heads });
  });
}

async function undoOne(one: Registered, turn: BodyContext): Promise<NotUndone | null> {
  const { run } = turn.scope;
  const agent = run.engine.agent(one.agent);
  if (agent === undefined) return waitForWorker(turn.scope, turn.path, one.agent);
  try {
    await turn.run(agent as Agent<unknown>, one.input, one.tools === undefined ? {} : { tools: one.tools });
    return null;
  } catch (error) {
    const { code, message, path } = toFailureRecord(error);
    return { agent: one.agent, path: path ?? turn.path, registered: one.seq, code, message };
  }
}

/** It waits for a process that has the agent; what was undone so far stays undone. */
function waitForWorker({ run }: Scope, path: string, agent: string): Promise<never> {
  depart(run.engine, run, noWorker(run, path, agent));
  return new Promise<never>(() => undefined);
}

function noted(report: UndoReport, failure: NotUndone): UndoReport {
  const notUndone = report.notUndone.length < named ? [...report.notUndone, failure] : report.notUndone;
  return { ...report, failed: report.failed + 1, notUndone };
}

export const compensationAgent: Agent = {
  kind: "workflow",
  name: "concertato.compensation",
  version: 1,
  description: "Undoes what a run has done, last first.",
  capabilities: [],
  examples: [],
  uses: [],
  body: {
    type: "code",
    // The runtime hands every body its own BodyContext, and this agent the heads that it was launched with.
    run: (heads: never, ctx) => undo(heads as readonly number[], ctx as BodyContext),
  },
};

export const compensationId: string = agentId(compensationAgent);

/** A report as details of a failure. */
export function reportDetails(report: UndoReport, of: number): { readonly [key: string]: Json } {
  return {
    of,
    undone: report.undone,
    failed: report.failed,
    notUndone: report.notUndone as unknown as readonly Json[],
  };
}
