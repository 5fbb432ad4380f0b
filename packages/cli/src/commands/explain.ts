/** `concertato explain`: whether an agent may use a tool at a place in a run, and which edge decided it. */
import type { Command } from "commander";
import type { GrantedEdge } from "concertato";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";

export function addExplain(program: Command, shell: Shell): void {
  program
    .command("explain")
    .argument("<run>", "the run's id, or its beginning")
    .argument("<path>", "the address of an agent, or of its call, as show has it")
    .argument("<tool>", "the tool's name")
    .description("tell whether an agent may use a tool there, and who decided it")
    .addHelpText("after", "\nExample:\n  concertato explain 9x2k4ab1 0.2 refund")
    .action((run: string, path: string, tool: string) =>
      shell.inApp((context) => explainGrant(context, run, path, tool)),
    );
}

async function explainGrant(context: CommandContext, typed: string, path: string, tool: string): Promise<void> {
  const { app, display, json } = context;
  const { runId } = await findRun(context, typed);
  const explanation = await app.explain(runId, { path, tool });
  if (json) return display.out(JSON.stringify(explanation));
  const { out, paint, marks } = display;
  const { allowed, why, edges } = explanation;
  out(allowed ? paint("good", `${marks.done} ${why}`) : paint("bad", `${marks.bad} ${why}`));
  out();
  const width = Math.max(...edges.map(({ path: at }) => at.length));
  const called = Math.max(...edges.map((edge) => callOf(edge, marks.arrow).length));
  let run = "";
  for (const edge of edges) {
    if (edge.runId !== run) out(paint("quiet", `run ${edge.runId}`));
    run = edge.runId;
    const mark = edge.grants ? paint("good", marks.done) : paint("bad", marks.bad);
    out(
      `  ${mark} ${edge.path.padEnd(width)}  ${callOf(edge, marks.arrow).padEnd(called)}  ${paint("quiet", toolsOf(edge))}`,
    );
  }
}

function callOf({ by, agent }: GrantedEdge, arrow: string): string {
  return `${by ?? "?"} ${arrow} ${agent}`;
}

function toolsOf({ tools }: GrantedEdge): string {
  if (tools === undefined) return "tools as they were";
  return tools.length === 0 ? "no tools" : `only ${tools.join(", ")}`;
}
