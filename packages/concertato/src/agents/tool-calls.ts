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
import { type ModelSchema, modelSchema, unwrapped } from "./json-schema.ts";
import { resultOf } from "./messages.ts";

/** An agent that a model may call. */
interface Callable {
  readonly agent: Agent<unknown, unknown>;
  readonly schema: ModelSchema;
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
      const schema = modelSchema(agent.input, "input", `input of ${agent.kind} ${agent.name}`);
      // The model's arguments are checked against the agent's own schema when it is called.
      this.#byName.set(name, { agent: agent as Agent<unknown, unknown>, schema });
    }
  }

  get agents(): readonly Agent[] {
    return [...this.#byName.values()].map(({ agent }) => agent as Agent);
  }

  /** What the model is told. */
  get functions(): LanguageModelV4FunctionTool[] {
    return [...this.#byName].map(([name, { agent, schema }]) => ({
      type: "function",
      name,
      description: agent.description,
      inputSchema: schema.schema,
    }));
  }

  /**
   * Calls side by side, each an operation of its own; the answers in the order of the calls. A failure is told to the
   * model, which may do better; the end of the run itself (cancelled, out of budget) is not.
   */
  async answer(calls: readonly LanguageModelV4ToolCall[], ctx: Context): Promise<LanguageModelV4ToolResultPart[]> {
    const branches = Object.fromEntries(
      calls.map((call, index) => [String(index), (branch: Context) => this.#call(call, branch)]),
    );
    const answers = await ctx.all(branches);
    return calls.map((call, index) =>
      resultOf(call.toolCallId, call.toolName, answers[String(index)] ?? { type: "error-text", value: "no answer" }),
    );
  }

  async #call(call: LanguageModelV4ToolCall, ctx: Context): Promise<LanguageModelV4ToolResultOutput> {
    const known = this.#byName.get(call.toolName);
    if (known === undefined) {
      const names = [...this.#byName.keys()].join(", ");
      return mistake(`There is no tool ${call.toolName}. There are: ${names === "" ? "none" : names}.`);
    }
    let input: unknown;
    try {
      input = call.input.trim() === "" ? {} : JSON.parse(call.input);
    } catch (error) {
      return mistake(`The arguments are not JSON: ${error instanceof Error ? error.message : String(error)}.`);
    }
    const given = known.agent.input === undefined ? undefined : unwrapped(input, known.schema);
    try {
      return told(await ctx.run(known.agent, given));
    } catch (error) {
      return toldFailure(error);
    }
  }
}

/** Names that models accept: letters, digits, dash and underscore, at most 64. */
function toolName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64);
}

function mistake(text: string): LanguageModelV4ToolResultOutput {
  return { type: "error-text", value: text };
}

/** Outputs came out of a journal: they are JSON. */
function told(output: unknown): LanguageModelV4ToolResultOutput {
  if (output === undefined) return { type: "text", value: "done" };
  return typeof output === "string" ? { type: "text", value: output } : { type: "json", value: output as JSONValue };
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
  return output.type === "error-json" && (output.value as { code?: string }).code === "agent/input-invalid";
}
