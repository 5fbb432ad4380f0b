/** A user's project in a folder of its own: files with agents that import `concertato` and `zod` as users do. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));

export interface Project extends Disposable {
  readonly folder: string;
  readonly write: (name: string, text: string) => string;
}

export function openProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), "cli-project-"));
  symlinkSync(modules, join(folder, "node_modules"), "junction");
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  write("package.json", '{ "type": "module" }');
  write("agents.ts", agents);
  write("one.ts", one);
  return { folder, write, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

const agents = `import { agent, human, tool, workflow } from "concertato";
import { z } from "zod";

export const findOrder = tool({
  name: "find-order", description: "Looks an order up", effect: "read",
  input: z.object({ id: z.string() }), output: z.object({ usd: z.number() }), execute: () => ({ usd: 42 }),
});
export const thinker = agent({
  name: "thinker", description: "Thinks", instructions: "Be brief.", tools: [findOrder], retry: { attempts: 1 },
});
const boss = human({ name: "boss", output: z.object({ approved: z.boolean(), by: z.string(), note: z.string().optional() }) });
export const pay = tool({
  name: "pay", description: "Pays money out", effect: "write", input: z.object({ usd: z.number() }), output: z.string(),
  approve: () => boss, approvers: [boss], execute: ({ usd }) => "paid " + usd,
});
export const refund = workflow({ name: "refund", input: z.object({ usd: z.number() }), uses: [pay] },
  (input, ctx) => ctx.run(pay, input));
export const broken = workflow({ name: "broken" }, () => { throw new Error("The printer is on fire."); });
export const capped = workflow({ name: "capped", budget: { steps: 1 } }, async (_input, ctx) => {
  for (let n = 0; n < 3; n++) await ctx.step("act", () => n, { effect: "read" });
});
export const patient = workflow({ name: "patient" }, (_input, ctx) => ctx.step("wait", ({ signal }) => new Promise((_resolve, reject) => {
  signal.addEventListener("abort", () => reject(new Error("stopped")));
}), { effect: "read" }));
`;

const one = `import { workflow } from "concertato";
import { z } from "zod";

export default workflow({ name: "greet", input: z.object({ name: z.string() }), output: z.string() },
  async ({ name }) => "hello " + name);
export const echo = workflow({ name: "echo", input: z.string() }, async (text: string) => ({ text }));
`;
