/** Names that can stand in journals, addresses and commands. */
import { ConcertatoError } from "../kernel/errors.ts";

/** @throws ConcertatoError `agent/name` unless letters, digits, dot, dash and underscore, starting with a letter, at most 64 */
export function assertName(kind: string, name: string): void {
  if (/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(name)) return;
  throw new ConcertatoError({
    code: "agent/name",
    message: `"${name}" cannot name a ${kind}. Use a letter, then letters, digits, ".", "-" or "_", at most 64 in all.`,
    details: { kind, name },
  });
}
