/** For agents that pass their input on: it is checked here, and parsed by the schema of whoever is given it. */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";

/** The same schema, which lets a value through as it came: one that transforms must see each value once. */
export function unparsed(schema: StandardSchemaV1 | undefined): StandardSchemaV1 | undefined {
  if (schema === undefined) return undefined;
  const standard = schema["~standard"] as StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props>;
  const kept = (value: unknown, result: StandardSchemaV1.Result<unknown>): StandardSchemaV1.Result<unknown> =>
    result.issues === undefined ? { value } : result;
  return {
    "~standard": {
      ...standard,
      validate: (value: unknown) => {
        const result = standard.validate(value);
        return result instanceof Promise ? result.then((ended) => kept(value, ended)) : kept(value, result);
      },
    },
  };
}
