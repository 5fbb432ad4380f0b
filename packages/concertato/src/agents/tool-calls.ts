/** A model's tool calls: which agent each names, with what arguments, and what the model is told of its end. */
import type {
  JSONObject,
  JSONValue,
  LanguageModelV4FunctionTool,
  LanguageModelV4ToolCall,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { AgentFailure, ConcertatoError } from "../kernel/errors.ts";
import type { Agent } from "../runtime/agent.ts";
import type { Context } from "../runtime/context.ts";
import { boundAgent } from "../runtime/work.ts";
import { areParts, type FilePart, filesIn, isFilePart, withPreviews } from "./file-part.ts";
import { handsOff } from "./handoff.ts";
import { type ModelSchema, modelSchema, noInput, unwrapped } from "./json-schema.ts";
import { resultOf } from "./messages.ts";

type ContentOutput = Extract<LanguageModelV4ToolResultOutput, { type: "content" }>["value"];

/** An agent that a model may call. */
interface Callable {
  readonly agent: Agent<unknown, unknown>;
  readonly schema: ModelSchema;
  /** What the model is told of it. */
  readonly told: LanguageModelV4FunctionTool;
}

/** Work on its way to a peer. */
export interface Handover {
  readonly agent: Agent<unknown, unknown>;
  readonly input: unknown;
}

/** How the calls of a turn ended. */
export interface Handled {
  readonly results: LanguageModelV4ToolResultPart[];
  /** The work goes on elsewhere. */
  readonly handover?: Handover;
}

/** The agents that a model agent may call, as its model knows them. */
export class Toolbox {
  readonly #byName = new Map<string, Callable>();

  /** @throws ConcertatoError `agent/schema-not-json`; `agent/name` when two would have the same name for the model */
  constructor(agents: readonly Agent[]) {
    for (const agent of agents) {
      const name = toolName(agent.name);
      if (this.#byName.has(name)) {
        throw new ConcertatoError({
          code: "agent/name",
          message: `Two tools are called ${name} for the model. Give one of them another name.`,
          details: { name },
        });
      }
      // The model's arguments are checked against the agent's own schema when it is called.
      const schema = inputSchema(agent);
      const told: LanguageModelV4FunctionTool = {
        type: "function",
        name,
        description: agent.description,
        inputSchema: schema.schema,
      };
      this.#byName.set(name, { agent: agent as Agent<unknown, unknown>, schema, told });
    }
  }

  get agents(): readonly Agent[] {
    return [...this.#byName.values()].map(({ agent }) => agent as Agent);
  }

  /** What the model is told, of what the edges around its agent granted; a list of its own for each call. */
  functions(ctx: Context): LanguageModelV4FunctionTool[] {
    const told: LanguageModelV4FunctionTool[] = [];
    for (const known of this.#byName.values()) if (ctx.mayUse(known.agent as Agent)) told.push(known.told);
    return told;
  }

  /**
   * Answers the calls of a turn; a hand-off among them last of all: control passes when the other calls have succeeded, so
   * that nothing which the model wanted done is left undone. Until then the hand-off is answered with the reason.
   */
  async handle(calls: readonly LanguageModelV4ToolCall[], ctx: Context): Promise<Handled> {
    const handovers = new Map<LanguageModelV4ToolCall, Handover>();
    for (const call of calls) {
      const handover = await this.#handover(call, ctx);
      if (handover !== undefined) handovers.set(call, handover);
    }
    const [first] = handovers.values();
    if (first === undefined) return { results: await this.#answer(calls, ctx) };
    const others = calls.filter((call) => !handovers.has(call));
    const results = others.length === 0 ? [] : await this.#answer(others, ctx);
    const failed = results.find(({ output }) => !succeeded(output));
    if (handovers.size === 1 && failed === undefined) return { results, handover: first };
    const output = handovers.size > 1 ? mistake(severalPeers) : notYet(failed?.toolName ?? "");
    return { results: inOrder(calls, [...results, ...[...handovers.keys()].map((call) => answerTo(call, output))]) };
  }

  /** The peer of a call that hands the work over, with what fits it; a call that does not fit is answered as any other. */
  async #handover(call: LanguageModelV4ToolCall, ctx: Context): Promise<Handover | undefined> {
    const known = this.#byName.get(call.toolName);
    if (known === undefined || !handsOff(known.agent as Agent) || !ctx.mayUse(known.agent as Agent)) return undefined;
    const { agent } = known;
    try {
      const input = argumentsOf(call, known);
      await boundAgent(agent as Agent).input?.(input);
      return { agent, input };
    } catch {
      return undefined;
    }
  }

  /**
   * Calls side by side, each an operation of its own; the answers in the order of the calls. A failure is told to the
   * model, which may do better; the end of the run itself (cancelled, out of budget) is not.
   */
  async #answer(calls: readonly LanguageModelV4ToolCall[], ctx: Context): Promise<LanguageModelV4ToolResultPart[]> {
    const branches = Object.fromEntries(
      calls.map((call, index) => [String(index), (branch: Context) => this.#call(call, branch)]),
    );
    const answers = await ctx.all(branches);
    return calls.map((call, index) => answerTo(call, answers[String(index)] ?? mistake("no answer")));
  }

  async #call(call: LanguageModelV4ToolCall, ctx: Context): Promise<LanguageModelV4ToolResultOutput> {
    const known = this.#byName.get(call.toolName);
    if (known === undefined) {
      const names = [...this.#byName.keys()].join(", ");
      return mistake(`There is no tool ${call.toolName}. There are: ${names === "" ? "none" : names}.`);
    }
    let input: unknown;
    try {
      input = argumentsOf(call, known);
    } catch (error) {
      return mistake(`The arguments are not JSON: ${error instanceof Error ? error.message : String(error)}.`);
    }
    try {
      return told(await ctx.run(known.agent, input));
    } catch (error) {
      return toldFailure(error);
    }
  }
}

/** @throws SyntaxError when the model's arguments are no JSON */
function argumentsOf(call: LanguageModelV4ToolCall, { schema }: Callable): unknown {
  const input: unknown = call.input.trim() === "" ? {} : JSON.parse(call.input);
  return schema === noInput ? undefined : unwrapped(input, schema);
}

function inputSchema({ input, kind, name }: Agent): ModelSchema {
  return input === undefined ? noInput : modelSchema(input, "input", `input of ${kind} ${name}`);
}

/** Names that models accept: letters, digits, dash and underscore, at most 64. */
function toolName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64);
}

function answerTo(
  { toolCallId, toolName }: LanguageModelV4ToolCall,
  output: LanguageModelV4ToolResultOutput,
): LanguageModelV4ToolResultPart {
  return resultOf(toolCallId, toolName, output);
}

/** Answers in the order of the calls. */
function inOrder(
  calls: readonly LanguageModelV4ToolCall[],
  results: readonly LanguageModelV4ToolResultPart[],
): LanguageModelV4ToolResultPart[] {
  const place = new Map(calls.map(({ toolCallId }, index) => [toolCallId, index]));
  return [...results].sort((a, b) => (place.get(a.toolCallId) ?? 0) - (place.get(b.toolCallId) ?? 0));
}

const severalPeers = "Nothing was handed over: work goes to one peer. Call one of them.";

function notYet(failed: string): LanguageModelV4ToolResultOutput {
  const reason = `Not handed over yet: the call of ${failed} beside it did not succeed. Settle that, then hand over.`;
  return { type: "execution-denied", reason };
}

function succeeded({ type }: LanguageModelV4ToolResultOutput): boolean {
  return type === "text" || type === "json" || type === "content";
}

function mistake(text: string): LanguageModelV4ToolResultOutput {
  return { type: "error-text", value: text };
}

/** Outputs came out of a journal: they are JSON. */
function told(output: unknown): LanguageModelV4ToolResultOutput {
  if (output === undefined) return { type: "text", value: "done" };
  const files = filesIn(output);
  // Bytes as JSON would tell a model nothing.
  if (files.length > 0) return { type: "content", value: contentOf(output, files) };
  return typeof output === "string" ? { type: "text", value: output } : { type: "json", value: output as JSONValue };
}

function contentOf(output: unknown, files: readonly FilePart[]): ContentOutput {
  if (areParts(output)) return [...output];
  const rest = isFilePart(output) ? [] : [{ type: "text" as const, text: JSON.stringify(withPreviews(output)) }];
  return [...rest, ...files];
}

function toldFailure(error: unknown): LanguageModelV4ToolResultOutput {
  if (!(error instanceof AgentFailure)) throw error;
  const { code, message } = error.record;
  // Nothing that another call could mend. (What used up a budget of its own is told; ours is looked at before the next call.)
  if (code === "run/cancelled") throw error;
  if (code === "agent/refused") return { type: "execution-denied", reason: message };
  return { type: "error-json", value: { code, message } satisfies JSONObject };
}

/** Whether an answer says that the model called something wrongly, and may do better. */
export function isMistake({ output }: LanguageModelV4ToolResultPart): boolean {
  if (output.type === "error-text") return true;
  if (output.type !== "error-json") return false;
  const { code } = output.value as { readonly code?: string };
  return code === "agent/input-invalid" || code === "policy/grant-denied";
}
