/**
 * Compensation: what a scope has registered is undone, last first, when it fails, or when its run is cancelled or stopped.
 *
 *   registered ──scope completed──▶ its caller's ──…──▶ run completed: forgotten
 *       └──scope failed, run cancelled or stopped──▶ [compensating] ──▶ undone one by one ──▶ the end, with a report
 *
 * The `compensating` entry is the decision: from its commit on the bodies inside do not run again, whatever crashes. What
 * undoes runs as a workflow of the library in a scope of the failing scope, so it is journaled like everything else.
 * Undoing that has begun goes on even where its caller is given up; whatever encloses it ends after it.
 */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { CompensationChain, FinalStatus } from "../journal/entry.ts";
import { silence } from "./cancellation.ts";
import { compensationKey, undoneBy } from "./compensation-chain.ts";
import {
  compensationAgent,
  compensationId,
  nothingUndone,
  reportDetails,
  type UndoReport,
} from "./compensation-agent.ts";
import { childrenCancel } from "./children.ts";
import type { Engine } from "./engine.ts";
import { callScope } from "./nested-call.ts";
import { innermost, metaText, Operation } from "./operation.ts";
import { ensureStarted, finish } from "./results.ts";
import type { Scope } from "./scope.ts";
import { toolsAround } from "./tool-grant.ts";
import { validateNow } from "./validation.ts";
import { boundAgent } from "./work.ts";

/** A scope that is being undone: how it ends afterwards. */
export interface Compensating {
  readonly status: FinalStatus;
  readonly failureText: string | null;
  readonly chain: CompensationChain;
  /** Compensations that have ended, for lists. */
  done: number;
}

/** `ctx.compensate`: the entry is the registration. Crash before its commit: the body registers again. */
export function registerCompensation(engine: Engine, operation: Operation): void {
  if (operation.state !== "issued") return;
  operation.state = "pending";
  const { scope } = operation;
  const { run } = scope;
  const target = engine.agent(operation.agent);
  let text: string | null;
  try {
    // Checked now, while the body can hear of it; parsed when it runs, like the input of any call.
    validateNow(target && boundAgent(target).input, operation.input, `input of ${operation.name}`);
    text = encodeJson(operation.input, `input of ${operation.name}`);
    assertCarried(operation, text);
  } catch (error) {
    return finish(operation, toFailureRecord(error, operation.path));
  }
  ensureStarted(scope);
  const seq = run.nextSeq + 1;
  const undo = { count: (scope.undo?.count ?? 0) + 1, heads: scope.undo?.heads ?? [] };
  // It may be undone by a body around this one, which may use more.
  const tools = toolsAround(scope, innermost(operation));
  run.write("compensation-registered", scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({ verb: "compensate", agent: operation.agent, ...(tools === undefined ? {} : { tools }), undo }),
    text,
    operation,
    container: innermost(operation),
  });
  scope.undo = { count: undo.count, heads: [seq] };
  run.compensates = true;
}

/** Longest input of a compensation, in characters: it is read back as a part of another value. */
const longest = 2 * 1024 * 1024;

function assertCarried({ name }: Operation, text: string | null): void {
  if (text === null || text.length <= longest) return;
  throw new ConcertatoError({
    code: "codec/too-large",
    message: `The input of compensation ${name} has ${text.length} characters as JSON; the limit is ${longest}. Store it outside and pass a reference.`,
    details: { where: `input of compensation ${name}`, length: text.length, limit: longest },
  });
}

/** Decides that a scope ends so, once all in `chain` is undone. Nothing else of it goes on. */
export function beginCompensation(
  engine: Engine,
  scope: Scope,
  status: FinalStatus,
  failureText: string | null,
  chain: CompensationChain,
): void {
  const { run } = scope;
  silence(engine, scope);
  ensureStarted(scope);
  scope.compensating = { status, failureText, chain, done: scope.compensating?.done ?? 0 };
  run.addUndoing(scope);
  run.askedAnew = true;
  // What it started goes no further while it undoes.
  if (scope.operation === null) run.cancelChildren = childrenCancel(run.id, run.tick());
  run.write("compensating", scope, {
    op: compensationKey,
    name: compensationAgent.name,
    meta: metaText({ verb: "run", agent: compensationId, status, failed: true, undo: chain }),
    text: failureText,
    failed: true,
    container: scope.container,
  });
}

/** Starts to undo. The decision is committed; crash here: it is found in the journal and started again. */
export function callCompensation(engine: Engine, scope: Scope, { chain }: Compensating): void {
  if (scope.operations.has(compensationKey)) return;
  const operation = new Operation(
    scope,
    compensationKey,
    "run",
    compensationAgent.name,
    compensationId,
    scope.container,
  );
  scope.operations.set(compensationKey, operation);
  operation.target = compensationAgent;
  operation.input = chain.heads;
  // Its body may never have run here: the clock of what undoes begins with the decision.
  scope.now = Math.max(scope.now, scope.run.lastAt);
  callScope(engine, operation);
}

/** A call that undoes has ended, well or not: lists show how far it has come. */
export function countUndone({ scope, verb }: Operation): void {
  const caller = verb === "run" ? undoneBy(scope) : null;
  if (caller?.compensating == null) return;
  caller.compensating.done++;
  scope.run.askedAnew = true;
}

/** A loaded turn of the loop that undoes: its state says how far it had come. */
export function countTurn(scope: Scope, stateText: string | null): void {
  const compensating = undoneBy(scope)?.compensating;
  if (compensating == null) return;
  const { undone, failed } = decodeJson(stateText) as unknown as UndoReport;
  compensating.done = undone + failed;
}

/** What the failure says when all was tried: what was undone, and what could not be. */
export function compensatedFailure(
  { failureText, chain, done }: Compensating,
  failed: boolean,
  reportText: string | null,
): FailureRecord {
  const failure = decodeJson(failureText) as unknown as FailureRecord;
  const own = failed
    ? brokenReport(decodeJson(reportText) as unknown as FailureRecord, chain.count, done)
    : ((decodeJson(reportText) ?? nothingUndone) as unknown as UndoReport);
  const { of, report } = withEarlier(failure, own, chain.count);
  const missed = own.notUndone.map(({ agent, path, code }) => `${agent} at ${path} (${code})`);
  const told =
    missed.length === 0 ? "" : ` Not undone: ${missed.slice(0, 5).join(", ")}${own.failed > 5 ? ", …" : ""}.`;
  const count = of > chain.count ? "" : ` Undone: ${own.undone} of ${chain.count}.`;
  return {
    ...failure,
    message: `${failure.message}${count}${told}`,
    details: { ...failure.details, compensation: reportDetails(report, of) },
  };
}

/** What is registered could not even be read. */
function brokenReport({ code, message, path = "" }: FailureRecord, of: number, done: number): UndoReport {
  return {
    undone: done,
    failed: of - done,
    notUndone: [{ agent: compensationId, path, registered: 0, code, message }],
  };
}

/** The failure may be that of a scope inside, which was undone before: both count. */
function withEarlier(failure: FailureRecord, own: UndoReport, count: number): { of: number; report: UndoReport } {
  const earlier = failure.details?.["compensation"] as unknown as (UndoReport & { readonly of: number }) | undefined;
  if (earlier === undefined) return { of: count, report: own };
  return {
    of: earlier.of + count,
    report: {
      undone: earlier.undone + own.undone,
      failed: earlier.failed + own.failed,
      notUndone: [...earlier.notUndone, ...own.notUndone],
    },
  };
}
