/**
 * A worker of its own on a store file, for tests that tell it to go.
 *   work <db> <ledger> <ms>   runs the agents below; a payment takes so long and leaves a line at its begin and end
 * It prints "ready", then a line for each begin. It drains when it is told to go.
 */
import { appendFileSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { drainOnSignals, open, tool, workflow } from "../../src/index.ts";

const [db = "", ledger = "", took = "0", within = "10s"] = process.argv.slice(2);

const pay = tool({
  name: "pay",
  description: "Pays",
  effect: "irreversible",
  input: z.string(),
  execute: async (what) => {
    appendFileSync(ledger, `begin ${what}\n`);
    writeSync(1, `begin ${what}\n`);
    await pause(Number(took));
    appendFileSync(ledger, `end ${what}\n`);
  },
});

/** Three payments, one after the other. */
const order = workflow({ name: "order", input: z.string(), uses: [pay] }, async (name, ctx) => {
  for (const part of ["one", "two", "three"]) await ctx.run(pay, `${name} ${part}`);
  return name;
});

const app = await open(db, { agents: [order] });
drainOnSignals(app, { within });
writeSync(1, "ready\n");
// A worker's polling does not keep its process alive; this one stays until it is told to go.
setInterval(() => undefined, 60_000);
