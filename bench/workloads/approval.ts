/** The workflow of W5: it asks a person, and ends with the answer. */
import { type App, human, workflow } from "concertato";
import { type Payload, payload, payloadSchema } from "../payload.ts";

const person = human({ name: "person", output: payloadSchema });

export const approval = workflow(
  { name: "approval", uses: [person], input: payloadSchema, output: payloadSchema },
  (input, ctx) => ctx.run(person, input),
);

/** Starts so many, 100 at once. Answers their ids. */
export async function startWaiting(app: App, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let done = 0; done < count; done += 100) {
    const jobs = await Promise.all(
      Array.from({ length: Math.min(100, count - done) }, (_, index) => app.start(approval, payload(done + index))),
    );
    for (const { runId } of jobs) ids.push(runId);
  }
  await app.settle();
  return ids;
}

/** What a person answers. */
export function answerTo(n: number): Payload {
  return payload(n + 1);
}
