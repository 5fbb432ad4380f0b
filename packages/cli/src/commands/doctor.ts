/** `concertato doctor`: looks at everything that a run needs here, a line each, with what to do where something is wrong. */
import type { Command } from "commander";
import { exitCodes, SilentEnd } from "../cli-error.ts";
import { type Finding, machineFindings, modelFindings, terminalFindings } from "../doctor/machine.ts";
import { storeFindings } from "../doctor/store.ts";
import type { Shell } from "../shell.ts";
import type { Display, Marks, Tone } from "../views/display.ts";
import { plainLine } from "../views/plain-text.ts";
import { padded, wrapped } from "../views/text-width.ts";

export function addDoctor(program: Command, shell: Shell): void {
  program
    .command("doctor")
    .description("look at everything that a run needs here")
    .addHelpText(
      "after",
      "\nExit code 1 when something must be mended; what is only worth knowing does not count.\n\nExample:\n  concertato doctor --json | jq '.checks[] | select(.state != \"good\")'",
    )
    .action(() => examine(shell));
}

async function examine(shell: Shell): Promise<void> {
  const { display, json, world } = shell;
  const findings = [
    ...machineFindings(world),
    ...(await storeFindings(shell)),
    ...(await modelFindings()),
    ...terminalFindings(world),
  ];
  const bad = findings.filter(({ state }) => state === "bad").length;
  if (json) display.out(JSON.stringify({ ok: bad === 0, checks: findings }));
  else for (const line of findings.flatMap((finding) => findingLines(display, finding))) display.out(line);
  if (!json) display.out(`\n${verdict(display, findings)}`);
  if (bad > 0) throw new SilentEnd(exitCodes.failure);
}

const looks: Readonly<Record<Finding["state"], { readonly mark: keyof Marks; readonly tone: Tone }>> = {
  good: { mark: "done", tone: "good" },
  note: { mark: "dot", tone: "quiet" },
  warn: { mark: "wait", tone: "wait" },
  bad: { mark: "bad", tone: "bad" },
};

/** Columns before a finding's words. */
const indent = 15;

function findingLines({ paint, marks, width }: Display, { name, state, message, remedy }: Finding): readonly string[] {
  const { mark, tone } = looks[state];
  const [first = "", ...more] = wrapped(plainLine(message), width - indent);
  const below = more.map((line) => " ".repeat(indent) + line);
  const head = `${paint(tone, marks[mark])} ${paint("strong", padded(name, indent - 3))} ${first}`;
  if (remedy === undefined) return [head, ...below];
  const [how = "", ...rest] = wrapped(plainLine(remedy), width - indent - 3);
  return [
    ...[head, ...below, " ".repeat(indent) + paint(tone, `${marks.arrow} ${how}`)],
    ...rest.map((line) => " ".repeat(indent + 2) + paint(tone, line)),
  ];
}

function verdict({ paint, marks }: Display, findings: readonly Finding[]): string {
  const bad = findings.filter(({ state }) => state === "bad").length;
  const warn = findings.filter(({ state }) => state === "warn").length;
  if (bad > 0) return paint("bad", `${marks.bad} ${bad} to be mended${warn > 0 ? `, ${warn} to be looked at` : ""}.`);
  if (warn > 0) return paint("wait", `${marks.wait} It works; ${warn} to be looked at.`);
  return paint("good", `${marks.done} All is well.`);
}
