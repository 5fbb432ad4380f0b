/** Works through a whole inbox, several messages at a time. One message that fails does not stop the others. */
import { workflow } from "concertato";
import { z } from "zod";
import { answer, message } from "../messages.ts";
import { desk, type Services } from "./desk.ts";
import { exam, labelled } from "./exam.ts";

const ended = z.discriminatedUnion("status", [
  z.object({ status: z.literal("completed"), output: answer }),
  z.object({ status: z.literal("failed"), code: z.string(), message: z.string() }),
]);

/** So many messages are worked on at once; one that waits for a person is among them. */
const concurrency = 16;

export const inbox = (services: Services) => {
  const one = desk(services);
  const measure = exam(services.compare);
  return workflow(
    {
      name: "inbox",
      version: 2,
      description: "Answers every message of an inbox",
      input: z.object({ messages: z.array(message), heldOut: z.array(labelled) }),
      output: z.array(ended),
      uses: [one, measure],
    },
    async ({ messages, heldOut }, ctx) => {
      if (heldOut.length > 0) await ctx.run(measure, heldOut);
      return ctx.map(messages, one, { concurrency, join: "settle" });
    },
  );
};
