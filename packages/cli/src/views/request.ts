/** What a person is asked, in full: an approval by its action and exact arguments, anything else by its fields. */
import type { Display } from "./display.ts";
import { plainText } from "./plain-text.ts";
import { fieldLines } from "./table.ts";
import { wholeWords } from "./words.ts";

export function printRequest(display: Display, request: unknown): void {
  for (const line of requestLines(display, request)) display.out(line);
}

/** The same as lines. */
export function requestLines(display: Display, request: unknown): readonly string[] {
  const approval = approvalOf(request);
  if (approval === undefined) return fieldsOf(display, request);
  const { paint } = display;
  const head = `  ${paint("strong", plainText(approval.action))}  ${paint("quiet", plainText(approval.description))}`;
  return [head.trimEnd(), ...fieldsOf(display, approval.arguments)];
}

interface Approval {
  readonly action: string;
  readonly description: string;
  readonly arguments: unknown;
}

/** The form in which tools ask for approval. */
export function approvalOf(request: unknown): Approval | undefined {
  if (!isRecord(request)) return undefined;
  const { action, description, arguments: values } = request;
  return typeof action === "string" && typeof description === "string"
    ? { action, description, arguments: values }
    : undefined;
}

function fieldsOf(display: Display, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const fields = isRecord(value) ? Object.entries(value) : [["", value] as const];
  return fieldLines(
    display,
    fields.map(([name, field]) => [plainText(name), wholeWords(field)] as const),
    "    ",
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
