/** `concertato approve | reject | answer`: a person's word on what a run waits for. Durable when the command ends. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { AnswerReceipt, AnswerState } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun, findWait, type OpenWait } from "../find-run.ts";
import { type CommandContext, parsedJson, type Shell, userName } from "../shell.ts";
import { plainLine } from "../views/plain-text.ts";
import { printRequest } from "../views/request.ts";

export function addAnswering(program: Command, shell: Shell): void {
  const me = userName();
  for (const verb of ["approve", "reject"] as const) {
    program
      .command(verb)
      .argument("<run>", "the run's id, or its beginning or end")
      .argument("[wait]", "which question, when there are several: its address, or who is asked")
      .description(verb === "approve" ? "say yes to what a run waits for" : "say no to what a run waits for")
      .option("--note <text>", "a reason, kept with the answer")
      .option("--by <name>", "who decides", me)
      .addHelpText(
        "after",
        `\nExamples:\n  concertato ${verb} 9x2k4ab1\n  concertato ${verb} 9x2k4ab1 manager --note "as agreed on the phone"`,
      )
      .action((run: string, wait: string | undefined, options: { note?: string; by: string }) =>
        shell.inApp((context) => decide(context, { run, wait, approved: verb === "approve", ...options })),
      );
  }
  program
    .command("answer")
    .argument("<run>", "the run's id, or its beginning or end")
    .argument("<wait>", "which question: its address, or who is asked")
    .argument("<json>", "the answer, as JSON")
    .description("answer a question with any value")
    .option("--by <name>", "who answers", me)
    .addHelpText("after", `\nExample:\n  concertato answer 9x2k4ab1 0.3 '{"happened":true,"output":"receipt 17"}'`)
    .action((run: string, wait: string, json: string, options: { by: string }) =>
      shell.inApp((context) => answerWait(context, { run, wait, by: options.by }, json)),
    );
}

/** Which question, as the user named it. */
interface Target {
  readonly run: string;
  readonly wait: string | undefined;
  readonly by: string;
}

interface DecideOptions extends Target {
  readonly approved: boolean;
  readonly note?: string;
}

/** Answers with a decision: approved or not, by whom, with which note. */
async function decide(context: CommandContext, options: DecideOptions): Promise<void> {
  const { approved, by, note } = options;
  const wait = await find(context, options);
  refuseDoubt(context, wait);
  const decision = { approved, by, ...(note === undefined ? {} : { note }) };
  await give(context, wait, decision, by, approved ? "Approved" : "Rejected");
}

/** Answers with any JSON value. */
async function answerWait(context: CommandContext, target: Target, json: string): Promise<void> {
  const value = parsedJson("The answer", json);
  const wait = await find(context, target);
  await give(context, wait, value, target.by, "Answered");
}

async function find(context: CommandContext, { run, wait }: Target): Promise<OpenWait> {
  return findWait(context, await findRun(context, run), wait);
}

/** Sends the answer, and says what became of it as far as that is known soon. */
async function give(context: CommandContext, wait: OpenWait, value: unknown, by: string, said: string): Promise<void> {
  const { app } = context;
  const { kind, runId, waitId, name } = wait;
  if (kind === "signal") {
    await app.signal(runId, name, value);
    return report(context, wait, value, said, "pending");
  }
  const state = await settled(context, await app.answer(runId, waitId, value, { by }));
  if (state.status === "behind")
    throw new CliError(
      exitCodes.notThere,
      `${plainLine(state.by)} answered ${name} at the same moment and was first; this answer counts only if theirs does not fit.`,
    );
  if (state.status === "late")
    throw new CliError(exitCodes.notThere, `Somebody else answered ${name} at the same moment and was first.`);
  if (state.status === "refused")
    throw new CliError(
      exitCodes.failure,
      `The answer does not fit what ${name} is asked; the question is open still. See it with: ${context.command(`show ${runId}`)}`,
    );
  report(context, wait, value, said, state.status);
}

/** How long is waited for a process that is there to take an answer up, and how often is looked, in ms. */
const patienceMs = 2_000;
const lookMs = 50;

/** What became of an answer, once a process that has the agent took it up; where none lives, what is known at once. */
async function settled({ app }: CommandContext, receipt: AnswerReceipt): Promise<AnswerState> {
  let state = await app.answerState(receipt);
  const run = await app.find(receipt.runId);
  const hosts = (await app.processes()).filter(({ alive, agents }) => alive && agents.includes(run?.agent ?? ""));
  for (let waited = 0; state.status === "pending" && hosts.length > 0 && waited < patienceMs; waited += lookMs) {
    await sleep(lookMs);
    state = await app.answerState(receipt);
  }
  return state;
}

/** Whether something happened is not a matter of yes or no: it needs a look at the world. */
function refuseDoubt({ command }: CommandContext, { kind, name, runId, waitId }: OpenWait): void {
  if (kind !== "in-doubt") return;
  const what = `${name} was interrupted, and it is not known whether it happened. Look, then say so:`;
  const answers = [`{"happened":false}`, `{"happened":true,"output":…}`];
  const how = answers.map((answer) => `  ${command(`answer ${runId} ${waitId} '${answer}'`)}`);
  throw new CliError(exitCodes.usage, [what, ...how].join("\n"));
}

function report(
  { display, json }: CommandContext,
  wait: OpenWait,
  value: unknown,
  said: string,
  status: "pending" | "counts",
): void {
  const { out, paint, marks } = display;
  const { name, request, runId, waitId } = wait;
  if (json) return out(JSON.stringify({ runId, waitId, name, value, status }));
  out(`${paint("good", `${marks.done} ${said}`)} as ${plainLine(name)}`);
  printRequest(display, request);
  const next = status === "counts" ? "goes on." : "goes on when a process that has its agents takes this up.";
  out(paint("quiet", `Run ${runId} ${next}`));
}
