/** Letters between runs: each once, in the order of its sender, however small the mailbox. */
import { thunks } from "./structure.ts";
import { attempt, type Program, same, shown, type Word } from "./word.ts";

interface Mailbox extends Program {
  readonly letters: number;
}

/** Takes so many letters and tells which. */
export const mailbox: Word<Mailbox> = {
  grow: (soil) => ({ do: "mailbox", letters: 1 + soil.random.below(4) }),
  act: async ({ letters }, ctx) => {
    const got: unknown[] = [];
    while (got.length < letters) got.push(await ctx.receive("letters"));
    return got;
  },
  misfit: (_program, output) => (Array.isArray(output) ? null : `mailbox gave ${shown(output)}`),
};

interface Post extends Program {
  readonly senders: number;
  readonly letters: number;
  readonly limit: number;
}

/** Several senders and one that receives it all. */
export const post: Word<Post> = {
  grow: ({ random }) => ({
    do: "post",
    senders: 1 + random.below(3),
    letters: 1 + random.below(4),
    limit: 1 + random.below(3),
  }),
  act: async ({ senders, letters, limit }, ctx, { tree }) => {
    const box = await ctx.start(tree, { do: "mailbox", letters: senders * letters });
    const of = Object.fromEntries(Array.from({ length: senders }, (_, index) => [`s${index}`, { do: `${index}` }]));
    return attempt(async () => {
      await ctx
        .all(
          thunks(of, async ({ do: sender }, branch) => {
            for (let letter = 0; letter < letters; letter++)
              await branch.send(box.runId, "letters", `${sender} ${letter}`, { limit });
          }),
        )
        .catch(async (error: unknown) => {
          // One that has what it wanted, all of it, cannot have ended too soon for a letter.
          if ((error as { code?: string }).code === "run/already-finished") await box.outcome();
          else throw error;
          return Promise.reject(new Error("It had all its letters, and one of them was refused."));
        });
      return box.outcome();
    });
  },
  misfit: ({ senders, letters }, output) => {
    if (output === "failed") return null;
    const got = output as string[];
    for (let sender = 0; sender < senders; sender++) {
      const wanted = Array.from({ length: letters }, (_, letter) => `${sender} ${letter}`);
      const wrong = same(
        `post of ${sender}`,
        got.filter((letter) => letter.startsWith(`${sender} `)),
        wanted,
      );
      if (wrong !== null) return wrong;
    }
    return got.length === senders * letters ? null : `post gave ${shown(output)}`;
  },
};
