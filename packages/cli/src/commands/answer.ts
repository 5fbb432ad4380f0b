/** `concertato approve | reject | answer`: a person's word on what a run waits for. Durable when the command ends. */
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { findRun, findWait, type OpenWait } from "../find-run.ts";
import { printRequest } from "../views/request.ts";

/** Which question, as the user named it. */
interface Target {
  readonly run: string;
  readonly wait: string | undefined;
  readonly by: string;
}

export interface DecideOptions extends Target {
  readonly approved: boolean;
  readonly note?: string;
}

/** Answers with a decision: approved or not, by whom, with which note. */
export async function decide(context: CommandContext, options: DecideOptions): Promise<void> {
  const { approved, by, note } = options;
  const wait = await find(context, options);
  refuseDoubt(context, wait);
  const decision = { approved, by, ...(note === undefined ? {} : { note }) };
  await send(context, wait, decision, by);
  report(context, wait, decision, approved ? "Approved" : "Rejected");
}

/** Answers with any JSON value; the worker refuses one that does not fit the question. */
export async function answerWait(context: CommandContext, target: Target, json: string): Promise<void> {
  const value = parseAnswer(json);
  const wait = await find(context, target);
  await send(context, wait, value, target.by);
  report(context, wait, value, "Answered");
}

async function find(context: CommandContext, { run, wait }: Target): Promise<OpenWait> {
  return findWait(context, await findRun(context, run), wait);
}

async function send(
  { app }: CommandContext,
  { kind, runId, waitId, name }: OpenWait,
  value: unknown,
  by: string,
): Promise<void> {
  if (kind === "signal") await app.signal(runId, name, value);
  else await app.answer(runId, waitId, value, { by });
}

/** Whether something happened is not a matter of yes or no: it needs a look at the world. */
function refuseDoubt({ command }: CommandContext, { kind, name, runId, waitId }: OpenWait): void {
  if (kind !== "in-doubt") return;
  const what = `${name} was interrupted, and it is not known whether it happened. Look, then say so:`;
  const answers = [`{"happened":false}`, `{"happened":true,"output":…}`];
  const how = answers.map((answer) => `  ${command(`answer ${runId} ${waitId} '${answer}'`)}`);
  throw new CliError(exitCodes.usage, [what, ...how].join("\n"));
}

function report({ display, json }: CommandContext, wait: OpenWait, value: unknown, said: string): void {
  const { out, paint, marks } = display;
  const { name, request, runId, waitId } = wait;
  if (json) return out(JSON.stringify({ runId, waitId, value }));
  out(`${paint("good", `${marks.done} ${said}`)} as ${name}`);
  printRequest(display, request);
  out(paint("quiet", `Run ${runId} goes on where its agents run; for the support desk: npm start`));
}

function parseAnswer(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    const how = `Write strings in quotes, for example '"yes"' or '{"approved":true}'.`;
    throw new CliError(exitCodes.usage, `The answer is not JSON: ${json}. ${how}`);
  }
}
