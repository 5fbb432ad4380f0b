/** Codes of failures that mean: a limit or a rule ended it. A body that ends with one of them ends as stopped, not as failed. */
import type { ErrorCode } from "../kernel/error-codes.ts";
import type { StopReason } from "./entry.ts";

export const stopCodes: Readonly<Partial<Record<ErrorCode, StopReason>>> = {
  "policy/budget-exceeded": "budget",
  "policy/steps-exceeded": "steps",
  "policy/deadline-exceeded": "time",
  "policy/depth-exceeded": "depth",
  "policy/no-progress": "no-progress",
  "policy/cap-exceeded": "cap",
  "policy/loop-detected": "loop",
};

/** Why a failure of this code stopped something; undefined for one that is no stop. */
export function stopReasonOf(code: string | undefined): StopReason | undefined {
  return Object.hasOwn(stopCodes, code ?? "") ? stopCodes[code as ErrorCode] : undefined;
}
