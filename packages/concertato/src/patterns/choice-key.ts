/** When two choices are the same: JSON values with the same content, whatever order their fields have. */
import type { Json } from "../kernel/json.ts";

export function isSame(one: Json, other: Json): boolean {
  return choiceKey(one) === choiceKey(other);
}

/** A choice as a text by which equal ones are counted. */
export function choiceKey(choice: Json): string {
  if (Array.isArray(choice)) return `[${choice.map(choiceKey).join()}]`;
  if (typeof choice !== "object" || choice === null) return JSON.stringify(choice);
  const fields = Object.entries(choice as { readonly [name: string]: Json }).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${choiceKey(value)}`).join()}}`;
}
