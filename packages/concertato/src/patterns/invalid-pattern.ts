/** A pattern that cannot work as it was defined. */
import { ConcertatoError } from "../kernel/errors.ts";

export function invalidPattern(name: string, why: string): ConcertatoError {
  return new ConcertatoError({
    code: "pattern/invalid",
    message: `The pattern ${name} cannot work: ${why}. Give it what its description asks for.`,
    details: { name },
  });
}
