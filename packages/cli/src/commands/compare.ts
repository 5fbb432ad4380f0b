/** `concertato compare`: two runs beside each other; what differs is shown, what is the same is counted. */
import type { Command } from "commander";
import type { ComparedNode } from "concertato";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";
import { statusWords, valueWords } from "../views/words.ts";

export function addCompare(program: Command, shell: Shell): void {
  program
    .command("compare")
    .argument("<a>", "the run's id, or its beginning or end")
    .argument("<b>", "another's, its fork for example")
    .description("show what two runs did differently")
    .addHelpText("after", "\nExample, a run and its fork:\n  concertato compare 9x2k4ab1 c07vth5f")
    .action((a: string, b: string) => shell.inApp((context) => compareRuns(context, a, b)));
}

async function compareRuns(context: CommandContext, typedA: string, typedB: string): Promise<void> {
  const { app, display, json } = context;
  const a = await findRun(context, typedA);
  const b = await findRun(context, typedB);
  const comparison = await app.compare(a.runId, b.runId);
  if (json) return display.out(JSON.stringify(comparison));
  const { out, paint } = display;
  for (const [mark, run] of [
    ["-", comparison.a],
    ["+", comparison.b],
  ] as const)
    out(
      `${paint(toneOf(mark), mark)} ${paint("strong", run.runId)}  ${run.agent}  ${statusWords(display, run.status)}`,
    );
  out();
  if (comparison.first === null) return out(paint("good", `${display.marks.done} They did the same.`));
  out(`They part at ${paint("strong", comparison.first.path)} (${comparison.first.what}).`);
  out();
  const same = printNode(context, comparison.tree);
  if (same > 0) out(paint("quiet", `\n${same} ${same === 1 ? "operation is" : "operations are"} the same.`));
}

/** Prints what differs; answers how many operations do not. */
function printNode(context: CommandContext, node: ComparedNode): number {
  const { display } = context;
  if (node.in !== "both") {
    const mark = node.in === "a" ? "-" : "+";
    display.out(display.paint(toneOf(mark), `${mark} ${titleOf(node)}`));
    for (const child of node.children) printNode(context, child);
    return 0;
  }
  if (node.differences.length > 0) display.out(`  ${titleOf(node)}`);
  for (const { what, a, b } of node.differences) {
    const columns = display.width - 16;
    display.out(display.paint("bad", `-     ${what.padEnd(10)}${valueWords(a, columns, display.marks)}`));
    display.out(display.paint("good", `+     ${what.padEnd(10)}${valueWords(b, columns, display.marks)}`));
  }
  let same = node.differences.length === 0 ? 1 : 0;
  for (const child of node.children) same += printNode(context, child);
  return same;
}

function titleOf({ path, verb, name }: ComparedNode): string {
  return `${path.padEnd(8)}  ${verb === "run" || verb === "step" || verb === name ? name : `${verb} ${name}`}`;
}

function toneOf(mark: "-" | "+"): "bad" | "good" {
  return mark === "-" ? "bad" : "good";
}
