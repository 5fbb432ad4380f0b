/** Contracts at both ends of a hand-over: any Standard Schema, checked once, with errors that name the field. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConcertatoError } from "../kernel/errors.ts";

/** Checks a value and returns the parsed one, at once or later. Throws `agent/input-invalid` or `agent/output-invalid`. */
export type Validator = (value: unknown) => unknown;

/**
 * @param subject what is checked, for the message: "input of tool refund"
 * @param code which side failed
 */
export function validator(
  schema: StandardSchemaV1 | undefined,
  subject: string,
  code: "agent/input-invalid" | "agent/output-invalid",
): Validator | undefined {
  if (schema === undefined) return undefined;
  const standard = schema["~standard"];
  return (value) => {
    const result = standard.validate(value);
    if (result instanceof Promise) return result.then((settled) => accept(settled, subject, code));
    return accept(result, subject, code);
  };
}

/**
 * For places where the answer must be there at once (a body's start, an inbox row).
 * @throws ConcertatoError when the schema works asynchronously
 */
export function validateNow(validate: Validator | undefined, value: unknown, subject: string): unknown {
  if (validate === undefined) return value;
  const result = validate(value);
  if (!(result instanceof Promise)) return result;
  result.catch(() => undefined);
  throw new ConcertatoError({
    code: "agent/async-schema",
    message: `The schema for the ${subject} answers asynchronously; a journaled value is checked at once. Use a schema without asynchronous refinements here and put the check into a tool.`,
    details: { subject },
  });
}

function accept(
  result: StandardSchemaV1.Result<unknown>,
  subject: string,
  code: "agent/input-invalid" | "agent/output-invalid",
): unknown {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 5).map((issue) => `${issuePath(issue)}${issue.message}`);
  throw new ConcertatoError({
    code,
    message: `The ${subject} does not fit its schema: ${issues.join("; ")}.`,
    details: { subject, issues },
  });
}

function issuePath(issue: StandardSchemaV1.Issue): string {
  if (issue.path === undefined || issue.path.length === 0) return "";
  const keys = issue.path.map((part) => String(typeof part === "object" ? part.key : part));
  return `${keys.join(".")}: `;
}
