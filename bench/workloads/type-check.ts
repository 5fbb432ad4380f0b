/** W11: what the compiler of types does with a file of many agents and teams. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cell } from "../cell.ts";
import { median } from "../statistics.ts";
import { endedChildrenCpuUs } from "../resources.ts";

/** What the file holds beside its imports. */
export type TypedFile = "imports only" | "agents and teams";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const agents = 50;
const teams = 20;
const depth = 5;

/** A unit is one check of the file, the start of the compiler included. */
export async function typeCheckCell(folder: string, what: TypedFile): Promise<Cell> {
  const project = join(folder, "typed");
  prepare(project, what);
  const checkMs: number[] = [];
  let instantiations = 0;
  let checked = 0;
  return {
    repeat: async () => {
      const before = endedChildrenCpuUs() ?? 0;
      const began = performance.now();
      const output = compile(project);
      const wallUs = (performance.now() - began) * 1000;
      checkMs.push(secondsOf(output, "Check time") * 1000);
      instantiations = Number(/Instantiations:\s+(\d+)/.exec(output)?.[1] ?? Number.NaN);
      checked++;
      return { units: 1, wallUs, cpuUs: (endedChildrenCpuUs() ?? 0) - before };
    },
    check: async () => ({ entries: checked }),
    figures: async () => ({ instantiations, checkMs: median(checkMs) }),
  };
}

function compile(project: string): string {
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", project, "--extendedDiagnostics"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The file does not type-check:\n${stdout}`);
  return stdout;
}

function secondsOf(output: string, what: string): number {
  return Number(new RegExp(`${what}:\\s+([\\d.]+)s`).exec(output)?.[1] ?? Number.NaN);
}

function prepare(project: string, what: TypedFile): void {
  mkdirSync(project, { recursive: true });
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  const base = JSON.parse(readFileSync(join(root, "packages/concertato/test/consumer/tsconfig.json"), "utf8")) as {
    readonly compilerOptions: object;
  };
  const compilerOptions = { ...base.compilerOptions, noEmit: true, skipLibCheck: true };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  writeFileSync(join(project, "teams.ts"), what === "imports only" ? imports : source());
}

const imports = `import { agent, human, run, tool, workflow } from "concertato";
import { z } from "zod";
export { agent, human, run, tool, workflow, z };
`;

/** Fifty agents of four kinds, each with schemas of its own; twenty teams, the fifth of which hold four others inside. */
function source(): string {
  const lines = [imports];
  for (let index = 0; index < agents; index++) lines.push(agentSource(index));
  for (let index = 0; index < teams; index++) lines.push(teamSource(index));
  lines.push(
    `export const answer: Promise<{ id: string; score: number }> = run(team${teams - 1}, { id: "x", score: 1 });`,
  );
  return lines.join("\n");
}

function agentSource(index: number): string {
  const extra = `field${index}: z.string().optional()`;
  const schemas = `input: z.object({ id: z.string(), score: z.number(), ${extra} }), output: z.object({ id: z.string(), score: z.number() })`;
  const shared = `name: "agent-${index}", description: "Number ${index}", ${schemas}`;
  if (index % 3 === 0) return `const agent${index} = agent({ ${shared}, instructions: "Think." });`;
  const execute = "execute: async ({ id, score }) => ({ id, score: score + 1 })";
  return `const agent${index} = tool({ ${shared}, effect: "read", ${execute} });`;
}

/** A team of four members: agents, and the team before it unless it begins a new nest. */
function teamSource(index: number): string {
  const members = [0, 1, 2].map((offset) => `agent${(index * 3 + offset) % agents}`);
  const inner = index % depth === 0 ? `agent${(index * 7) % agents}` : `team${index - 1}`;
  return `const team${index} = workflow(
  { name: "team-${index}", input: z.object({ id: z.string(), score: z.number() }), output: z.object({ id: z.string(), score: z.number() }) },
  async (item, ctx) => {
    const first = await ctx.run(${inner}, item);
    const { left, right } = await ctx.all({
      left: (branch) => branch.run(${members[0]}, first),
      right: (branch) => branch.run(${members[1]}, first),
    });
    const all = await ctx.map([left, right], ${members[2]});
    return { id: first.id, score: all.reduce((sum, { score }) => sum + score, 0) };
  },
);`;
}
