/** Whether an operation is called with what a journal says it was called with. */
import { fingerprint } from "../kernel/derive.ts";
import { encodeJson } from "../kernel/json.ts";
import type { Verb } from "../journal/entry.ts";
import type { RecordedOperation } from "../journal/recording.ts";
import type { Operation } from "./operation.ts";
import { validateNow } from "./validation.ts";
import { boundAgent } from "./work.ts";

/** Calls whose input no journal has. */
const hidden: ReadonlySet<Verb> = new Set(["step", "sleep", "until", "state"]);

/**
 * True when the inputs are equal, and when nobody can tell: of steps and signals no input is recorded. A journal has
 * what the schema made of an input, and of a map's items what came before: either counts.
 */
export function sameInput(operation: Operation, recorded: RecordedOperation): boolean {
  if (recorded.input === undefined || hidden.has(operation.verb)) return true;
  if (operation.verb === "send") return operation.inputText === recorded.input;
  const given = operation.map === null ? operation.input : operation.map.items;
  const what = `input of ${operation.name}`;
  try {
    if (encodeJson(given, what) === recorded.input) return true;
    const check = operation.parsed || operation.target === null ? undefined : boundAgent(operation.target).input;
    return encodeJson(validateNow(check, given, what), what) === recorded.input;
  } catch {
    // It does not even fit: whatever becomes of it, it is not the same.
    return false;
  }
}

/** Whether a run would be started with the input of this fingerprint: its row has that, and no journal but its own the input. */
export function startsWith({ scope, agent, name, input }: Operation, inputHash: string): boolean {
  const target = scope.run.engine.agent(agent);
  const what = `input of ${name}`;
  try {
    const given = encodeJson(validateNow(target && boundAgent(target).input, input, what), what);
    return fingerprint(given ?? "") === inputHash;
  } catch {
    // It would not be started at all.
    return false;
  }
}
