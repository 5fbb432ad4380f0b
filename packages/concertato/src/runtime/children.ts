/** What the end of a run means for the runs that it started: those that are open and not detached are cancelled with it. */
import type { Change } from "../journal/store.ts";
import { cancelNames } from "./cancel-order.ts";

/** How an append cancels children. */
export type ChildrenCancel = NonNullable<Extract<Change, { kind: "append" }>["cancelChildren"]>;

const senderPrefix = "parent:";

/**
 * Goes into the commit that ends a run other than by completing it, or that decides to undo it: a crash finds both or
 * neither, and each child then ends its own children.
 * @param terminate they end at once too, also those that are undoing already
 */
export function childrenCancel(runId: string, at: number, terminate = false): ChildrenCancel {
  const name = terminate ? cancelNames.terminate : cancelNames.cancel;
  const row = {
    sender: `${senderPrefix}${runId}`,
    n: terminate ? 2 : 1,
    kind: "cancel",
    name,
    body: null,
    at,
  } as const;
  return { row, again: terminate };
}

/** The run whose end ordered a cancel; undefined for a cancel that somebody ordered. */
export function orderingParent(sender: string): string | undefined {
  return sender.startsWith(senderPrefix) ? sender.slice(senderPrefix.length) : undefined;
}
