/**
 * Backups: when an agent fails for good, the next takes its place with the same input. The take-over is an event of the
 * run (`take-over`), and both calls stand in its journal.
 */
import { AgentFailure, type FailureRecord } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { Agent } from "../runtime/agent.ts";
import type { Context } from "../runtime/context.ts";
import { patternGrant } from "./pattern-grant.ts";
import { unparsed } from "./unparsed-schema.ts";

/** One that could not do it, and why. */
export interface FailedAgent {
  readonly agent: string;
  readonly code: string;
  readonly message: string;
  /** Address of what failed. */
  readonly path?: string;
}

/** The event that tells of a take-over. */
export interface TakeOver {
  readonly from: string;
  readonly to: string;
  readonly because: string;
}

/** How a row of agents did. */
export type RowEnd<Output> =
  | { readonly done: true; readonly output: Output }
  | { readonly done: false; readonly failures: readonly FailedAgent[]; readonly last: AgentFailure };

/** Asks agents in their order until one succeeds. A failure that another agent would have as well is thrown. */
export async function inTurn<Output>(
  row: readonly [Agent<unknown, Output>, ...Agent<unknown, Output>[]],
  input: unknown,
  ctx: Context,
): Promise<RowEnd<Output>> {
  const failures: FailedAgent[] = [];
  let last: AgentFailure | undefined;
  for (const agent of row) {
    if (last !== undefined) tellTakeOver(failures, agent, ctx);
    try {
      return { done: true, output: await ctx.run(agent, input) };
    } catch (error) {
      if (!(error instanceof AgentFailure) || !isItsOwn(error.record)) throw error;
      last = error;
      failures.push(failedAgent(agent, error.record));
    }
  }
  // The row has at least one, and it has failed.
  return { done: false, failures, last: last as AgentFailure };
}

export function tellTakeOver(failures: readonly FailedAgent[], to: Agent<never>, ctx: Context): void {
  const failed = failures.at(-1);
  if (failed === undefined) return;
  const because = `${failed.code}: ${failed.message}`;
  ctx.emit("take-over", { from: failed.agent, to: to.name, because } satisfies TakeOver);
}

function failedAgent({ name }: Agent<never>, { code, message, path }: FailureRecord): FailedAgent {
  return { agent: name, code, message, ...(path === undefined ? {} : { path }) };
}

/** Codes of failures that lie in who failed, and not in what was asked, in a person's word or in the program. */
const own: ReadonlySet<string> = new Set([
  "agent/failed",
  "agent/no-usable-call",
  "agent/output-invalid",
  "agent/timeout",
  "agent/too-few-succeeded",
  "policy/budget-exceeded",
  "policy/deadline-exceeded",
  "policy/loop-detected",
  "policy/no-progress",
  "policy/steps-exceeded",
]);

function isItsOwn({ code }: FailureRecord): boolean {
  return own.has(code) || code.startsWith("model/") || code.startsWith("remote/");
}

/** What stands where an agent with a backup was defined: its own work under the name `NAME.main`, and the backup behind it. */
export function withBackup(main: Agent<unknown>, backup: Agent<unknown>): Agent<unknown> {
  const work: Agent<unknown> = { ...main, name: mainName(main.name) };
  return {
    ...main,
    kind: "pattern",
    revision: 1,
    // Its own work has its schemas and budget, and the backup those of its own.
    input: unparsed(main.input),
    output: undefined,
    budget: undefined,
    grantedAs: patternGrant(main.name, [backup as Agent]),
    uses: [work, backup],
    body: {
      type: "code",
      run: async (input, ctx) => {
        const end = await inTurn([work, backup], input, ctx);
        if (end.done) return end.output;
        throw end.last;
      },
    },
  };
}

const mainSuffix = ".main";

function mainName(name: string): string {
  return `${name}${mainSuffix}`;
}

/** The name under which an agent was defined. */
export function definedName(name: string): string {
  return name.endsWith(mainSuffix) ? name.slice(0, -mainSuffix.length) : name;
}

/** What a person is told who is the last to be asked. */
export interface EscalationReport {
  readonly question: Json;
  readonly failures: readonly FailedAgent[];
}
