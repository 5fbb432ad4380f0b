/**
 * A worker of its own on a store file, for tests that kill it or make it hang. It says what its looks at the store do:
 *   look <n>          the n-th time that it looked for the dead
 *   released <n>      so many runs of dead processes were released by that look
 *   begin <run>       it began to work on a run; the work ends when a file of that name appears
 *   left              it holds no run any more
 */
import { existsSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { open, type Store, tool, workflow } from "../../src/index.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";

const [db = "", folder = ""] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const work = tool({
  name: "work",
  description: "Works until it is let go",
  effect: "read",
  input: z.string(),
  output: z.number(),
  execute: async (run, { signal }) => {
    say(`begin ${run}`);
    while (!existsSync(`${folder}/${run}.${process.pid}`) && !signal.aborted) await pause(5);
    say(signal.aborted ? "left" : "end");
    return process.pid;
  },
});
const desk = workflow({ name: "desk", input: z.string(), output: z.number(), uses: [work] }, (run, ctx) =>
  ctx.run(work, run),
);

const store = await openSqliteStore({ path: db, report: (error) => console.error(error) });
let looks = 0;
const watched = new Proxy<Store>(store, {
  get: (target, key) => {
    if (key === "reap")
      return async (self: number) => {
        say(`look ${++looks}`);
        const released = await target.reap(self);
        if (released > 0) say(`released ${released}`);
        return released;
      };
    const value: unknown = Reflect.get(target, key, target);
    return typeof value === "function" ? value.bind(target) : value;
  },
});
await open(db, { agents: [desk], store: watched });
say("ready");
setInterval(() => undefined, 60_000);
