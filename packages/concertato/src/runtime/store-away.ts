/** Tells a store that could not be asked from a journal that cannot be read: the one passes, the other is one run's harm. */
import { ConcertatoError } from "../kernel/errors.ts";

/** True for what a store says when it is locked, full or does not answer: nothing is known of the run, so it is read again. */
export function isAway(error: unknown): boolean {
  return ConcertatoError.is(error) && error.code.startsWith("store/") && error.retryable;
}
