/** What a person is asked, in full: an approval by its action and exact arguments, anything else by its fields. */
import type { Display } from "./display.ts";

export function printRequest(display: Display, request: unknown): void {
  const approval = approvalOf(request);
  if (approval === undefined) return printFields(display, request);
  const { out, paint } = display;
  out(`  ${paint("strong", approval.action)}  ${paint("quiet", approval.description)}`);
  printFields(display, approval.arguments);
}

interface Approval {
  readonly action: string;
  readonly description: string;
  readonly arguments: unknown;
}

/** The form in which tools ask for approval. */
function approvalOf(request: unknown): Approval | undefined {
  if (!isRecord(request)) return undefined;
  const { action, description, arguments: values } = request;
  return typeof action === "string" && typeof description === "string"
    ? { action, description, arguments: values }
    : undefined;
}

function printFields({ out, paint }: Display, value: unknown): void {
  if (value === undefined) return;
  if (!isRecord(value)) return out(`    ${wordsOf(value)}`);
  const fields = Object.entries(value);
  const width = Math.max(...fields.map(([name]) => name.length), 0) + 2;
  for (const [name, field] of fields) out(`    ${paint("quiet", name.padEnd(width))}${wordsOf(field)}`);
}

function wordsOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
