/**
 * The processes of W9.
 *   work FILE COUNT     starts so many runs, lets each finish two steps, says so, and hangs in the third until it is killed
 *   restart FILE COUNT  opens the file and says how long after its own start the first step ran, and the last
 */
import { performance } from "node:perf_hooks";
import { open, tool, workflow } from "concertato";
import { payload, payloadSchema, stepped } from "../payload.ts";

const [task, file = "", count = "0"] = process.argv.slice(2);
const runs = Number(count);
let hanging = 0;
let firstMs = 0;
let cpuMs = 0;
let resumed = 0;
const allHang = Promise.withResolvers<void>();

function noteFirst(): void {
  firstMs = performance.now();
  const { user, system } = process.cpuUsage();
  cpuMs = (user + system) / 1000;
}

const step = tool({
  name: "step",
  description: "Counts one up",
  input: payloadSchema,
  output: payloadSchema,
  effect: "read",
  execute: (value) => stepped(value),
});

const third = tool({
  name: "third",
  description: "Hangs in the process that is killed",
  input: payloadSchema,
  output: payloadSchema,
  effect: "read",
  execute: (value) => {
    if (task === "work") {
      if (++hanging === runs) allHang.resolve();
      return new Promise<never>(() => undefined);
    }
    if (resumed++ === 0) noteFirst();
    return stepped(value);
  },
});

const three = workflow(
  { name: "three", input: payloadSchema, output: payloadSchema, uses: [step, third] },
  async (input, ctx) => ctx.run(third, await ctx.run(step, await ctx.run(step, input))),
);

// The one that is killed takes up all of them; the next one as many as it does by itself.
const app = await open(file, {
  agents: [three],
  ...(task === "work" ? { maxActive: runs + 1, maxAttempts: runs + 1 } : {}),
});
if (task === "work") {
  for (let from = 0; from < runs; from += 100)
    await Promise.all(Array.from({ length: Math.min(100, runs - from) }, () => app.start(three, payload(1))));
  await allHang.promise;
  console.log(JSON.stringify({ hanging }));
  setInterval(() => undefined, 60_000);
} else {
  await app.settle();
  const allMs = performance.now();
  console.log(JSON.stringify({ firstMs, allMs, resumed, cpuMs }));
  await app.close();
}
