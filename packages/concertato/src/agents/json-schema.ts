/** JSON Schemas for models, from the schemas themselves: Standard JSON Schema, which zod 4 and others speak. */
import type { JSONSchema7 } from "@ai-sdk/provider";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { ConcertatoError } from "../kernel/errors.ts";

/** Which side of a schema: what is passed in, or what the schema makes of it. */
export type SchemaSide = "input" | "output";

/** A JSON Schema as a model is given it: always an object at its root, because that is what models are trained on. */
export interface ModelSchema {
  readonly schema: JSONSchema7;
  /** The value stands under `value`: the agent's own schema is no object. */
  readonly wrapped: boolean;
}

/** The input of an agent that takes none. */
export const noInput: ModelSchema = {
  schema: { type: "object", properties: {}, additionalProperties: false },
  wrapped: false,
};

/**
 * What a model is told about a value.
 * @param subject for the message: "input of tool refund"
 * @throws ConcertatoError `agent/schema-not-json` where the library of the schema cannot express it
 */
export function modelSchema(schema: StandardSchemaV1, side: SchemaSide, subject: string): ModelSchema {
  const json = convert(schema, side, subject);
  const { $schema: _dialect, ...plain } = json as JSONSchema7 & { readonly $schema?: string };
  if (plain.type === "object") return { schema: plain, wrapped: false };
  return {
    schema: { type: "object", properties: { value: plain }, required: ["value"], additionalProperties: false },
    wrapped: true,
  };
}

/** The value inside what a model gave. */
export function unwrapped(given: unknown, { wrapped }: ModelSchema): unknown {
  return wrapped && typeof given === "object" && given !== null && "value" in given ? given.value : given;
}

function convert(schema: StandardSchemaV1, side: SchemaSide, subject: string): JSONSchema7 {
  const standard = schema["~standard"] as StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props>;
  if (standard.jsonSchema === undefined) {
    throw notJson(subject, `schemas of ${standard.vendor} do not tell their JSON Schema`, undefined);
  }
  try {
    return standard.jsonSchema[side]({ target: "draft-07" }) as JSONSchema7;
  } catch (cause) {
    throw notJson(subject, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function notJson(subject: string, why: string, cause: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "agent/schema-not-json",
    message: `The schema for the ${subject} cannot be told to a model: ${why}. Use a library that speaks Standard JSON Schema (zod 4, valibot with its converter, arktype) and types that JSON has.`,
    details: { subject },
    ...(cause === undefined ? {} : { cause }),
  });
}
