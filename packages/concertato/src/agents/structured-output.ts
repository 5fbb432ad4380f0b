/** What a model's text must become: text as it is, or a value that fits a schema. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConcertatoError } from "../kernel/errors.ts";
import { type Validator, validator } from "../runtime/validation.ts";
import { type ModelSchema, modelSchema, unwrapped } from "./json-schema.ts";
import type { ModelRequest } from "./model-call.ts";

/** A text, read. */
export type ReadAnswer =
  | { readonly fits: true; readonly value: unknown }
  /** `complaint` is for the model, `error` for whoever called the agent when there is no further try. */
  | { readonly fits: false; readonly complaint: string; readonly error: ConcertatoError };

/** How an agent's answers are asked for and read. */
export interface Answers {
  readonly format: ModelRequest["responseFormat"];
  read(text: string): Promise<ReadAnswer>;
}

const plainText: Answers = { format: undefined, read: (text) => Promise.resolve({ fits: true, value: text }) };

/** @throws ConcertatoError `agent/schema-not-json` */
export function answersOf(schema: StandardSchemaV1 | undefined, agent: string): Answers {
  if (schema === undefined) return plainText;
  return new StructuredAnswers(schema, agent);
}

class StructuredAnswers implements Answers {
  readonly format: ModelRequest["responseFormat"];
  readonly #schema: ModelSchema;
  readonly #check: Validator | undefined;
  readonly #agent: string;

  constructor(schema: StandardSchemaV1, agent: string) {
    const subject = `output of agent ${agent}`;
    // The runtime runs the schema once more on the body's result, so the model is asked for what it takes in.
    this.#schema = modelSchema(schema, "input", subject);
    this.#check = validator(schema, subject, "agent/output-invalid");
    this.#agent = agent;
    this.format = { type: "json", schema: this.#schema.schema, name: "answer" };
  }

  async read(text: string): Promise<ReadAnswer> {
    let given: unknown;
    try {
      given = unwrapped(JSON.parse(withoutFence(text)), this.#schema);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.#misfit(`it is not JSON (${why})`, undefined);
    }
    try {
      await this.#check?.(given);
    } catch (error) {
      if (!ConcertatoError.is(error, "agent/output-invalid")) throw error;
      return this.#misfit(error.message, error);
    }
    // Unparsed: a schema that transforms must see each value once, and the runtime is about to show it.
    return { fits: true, value: given };
  }

  #misfit(why: string, known: ConcertatoError | undefined): ReadAnswer {
    const error =
      known ??
      new ConcertatoError({
        code: "agent/output-invalid",
        message: `The output of agent ${this.#agent} does not fit its schema: ${why}. Use a model that can answer in JSON, or simplify the schema.`,
        details: { agent: this.#agent },
      });
    const complaint = `Your answer could not be used: ${why}. Answer again, with nothing but JSON that fits this schema: ${JSON.stringify(this.#schema.schema)}`;
    return { fits: false, complaint, error };
  }
}

/** Models that know no JSON mode like to put their answer into a code block. */
function withoutFence(text: string): string {
  const fenced = /```(?:json)?\s*\n([\s\S]*?)```/.exec(text);
  return (fenced?.[1] ?? text).trim();
}
