/**
 * `ctx.continueAs`: a run begins anew, with another input or as another agent, and leaves its past behind: one entry that a
 * replay reads instead of everything before it. The run keeps its id, and with it its key, its mail, its inbox, its named
 * values, the keys that its body holds, who waits for its end, what is registered to be undone, and what is left of its
 * budget.
 *
 *   body calls continueAs ──▶ [continued entry committed] ──▶ dropped from memory and loaded again: the new body begins
 *
 * Crash before the commit: the old body is replayed and calls it again; after it: whoever takes the run begins the new one.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import { encodeJson } from "../kernel/json.ts";
import type { CompensationChain } from "../journal/entry.ts";
import { type Agent, agentId } from "./agent.ts";
import { cancelScope } from "./cancellation.ts";
import { usageOf } from "./ledger.ts";
import type { LiveRun } from "./live-run.ts";
import { metaText } from "./operation.ts";
import type { Scope } from "./scope.ts";
import { assertGranted } from "./tool-grant.ts";
import { validateNow } from "./validation.ts";
import { boundAgent } from "./work.ts";

/** What a run goes on as. */
export interface Continuation {
  readonly agent: Agent;
  readonly inputText: string | null;
}

/** Client keys whose signals are known to have come, at most: the oldest are forgotten. */
const keptMarks = 1_000;

/**
 * Checks what a body wants to go on as.
 * @throws ConcertatoError `runtime/continue-nested` in a nested body, `agent/input-invalid`, `policy/grant-denied`
 */
export function continuationOf(scope: Scope, input: unknown, agent: Agent | undefined): Continuation {
  const target = agent ?? scope.agent;
  if (scope.operation !== null || target === undefined) {
    throw new ConcertatoError({
      code: "runtime/continue-nested",
      message: `${scope.agentId} at ${scope.path} of run ${scope.run.id} called ctx.continueAs, which only the run's own body can. Return to the caller, or start a run of its own.`,
      details: { runId: scope.run.id, path: scope.path },
    });
  }
  assertGranted(scope, target);
  const what = `input of ${target.kind} ${target.name}`;
  return { agent: target, inputText: encodeJson(validateNow(boundAgent(target).input, input, what), what) };
}

/**
 * Writes the entry with which the run begins anew; what goes on in the old body is given up.
 * @param chain what is registered to be undone: the run has not succeeded yet, so it stays registered
 */
export function continueRun(run: LiveRun, { agent, inputText }: Continuation, chain: CompensationChain): void {
  const { root } = run;
  // Its keys go along; those that nested bodies hold are freed with them.
  run.keeps.push(...(root.held?.values() ?? []));
  root.held = null;
  const unread = [...run.buffer];
  for (const scope of [...run.scopes.values()]) cancelScope(scope);
  const limits = run.ledger?.root.budget?.limits;
  // Not the old body's: nothing of that is read any more.
  root.seq = 1;
  const { stored } = run.write("continued", root, {
    name: agentId(agent),
    meta: metaText({
      agent: agentId(agent),
      ...(agent.owner === undefined ? {} : { agentOwner: agent.owner }),
      ...(agent.revision === undefined || agent.revision === 1 ? {} : { revision: agent.revision }),
      count: run.generation + 1,
      ...(limits === undefined ? {} : { limits }),
      ...usageOf(run.ledger?.root),
      ...(chain.count === 0 ? {} : { undo: chain }),
      ...marksOf(run),
    }),
    text: inputText,
    // What a fork decides by stands in its journal before this.
    jump: run.inherited > 0 ? null : run.firstRef,
  });
  root.seq = stored.seq;
  // What came and nobody took yet is for the new body.
  for (const [channel, signals] of unread) {
    if (channel.startsWith("answer:") || channel.startsWith("child:")) continue;
    for (const { text } of signals) run.write("signal", root, { name: channel, text });
  }
}

/** A client's key stays used: its signal is delivered once, whichever generation it came to. Other senders never repeat. */
function marksOf({ admitted }: LiveRun): { readonly marks?: Readonly<Record<string, number>> } {
  const marks = [...admitted].filter(([sender]) => sender.startsWith("key:")).slice(-keptMarks);
  return marks.length === 0 ? {} : { marks: Object.fromEntries(marks) };
}
