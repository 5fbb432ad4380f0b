/**
 * Says who writes the answers: a model, or rules. It is asked once for each message and recorded, so that a message that was
 * begun with a model is finished in the same way, whatever the desk is started with later.
 */
import { tool } from "concertato";
import { z } from "zod";

export const staff = (model: string | undefined) =>
  tool({
    name: "staff",
    description: "Says whether a model writes the answers, and which",
    output: z.object({ model: z.string().nullable() }),
    effect: "read",
    execute: () => ({ model: model === undefined ? null : shownName(model) }),
  });

/** "http://127.0.0.1:8080/v1#tiny" is known as "tiny"; where it runs is nobody's business who reads an answer. */
export function shownName(model: string): string {
  return /^https?:\/\/[^#]+#(.+)$/.exec(model)?.[1] ?? model;
}
