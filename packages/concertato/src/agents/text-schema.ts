/** The schema of agents that take text and declare nothing else: Standard Schema, with its JSON Schema. */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";

const json = (): Record<string, unknown> => ({ type: "string", description: "What to ask, in full" });

/** Text. */
export const textSchema: StandardSchemaV1<string> & StandardJSONSchemaV1<string> = {
  "~standard": {
    version: 1,
    vendor: "concertato",
    validate: (value) =>
      typeof value === "string" ? { value } : { issues: [{ message: `expected text, got ${typeof value}` }] },
    jsonSchema: { input: json, output: json },
  },
};
