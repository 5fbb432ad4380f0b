/** How many letters may lie in a channel. */
import { ConcertatoError } from "../kernel/errors.ts";

/** Where nothing is said. */
const defaultLimit = 100;

/** @throws ConcertatoError `agent/input-invalid` for anything but a whole number from 1 on */
export function mailLimit(limit: number = defaultLimit): number {
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new ConcertatoError({
    code: "agent/input-invalid",
    message: `A mailbox cannot hold ${String(limit)} letters. Pass a whole number from 1 on as limit.`,
  });
}
