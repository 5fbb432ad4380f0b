/** `concertato approve | reject | answer`: a person's word on what a run waits for. Durable when the command ends. */
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { findRun, findWait, type OpenWait } from "../find-run.ts";
import { printRequest } from "../views/request.ts";

export interface DecideOptions {
  readonly run: string;
  readonly wait: string | undefined;
  readonly approved: boolean;
  readonly note?: string;
  readonly by: string;
}

/** Answers with a decision: approved or not, by whom, with which note. */
export async function decide(context: CommandContext, { run, wait, approved, note, by }: DecideOptions): Promise<void> {
  const decision = { approved, by, ...(note === undefined ? {} : { note }) };
  await send(context, run, wait, decision, by, approved ? "Approved" : "Rejected", refuseDoubt);
}

/** Answers with any JSON value; the worker refuses one that does not fit the question. */
export async function answerWait(
  context: CommandContext,
  run: string,
  wait: string,
  json: string,
  by: string,
): Promise<void> {
  await send(context, run, wait, parseAnswer(json), by, "Answered");
}

async function send(
  context: CommandContext,
  typedRun: string,
  typedWait: string | undefined,
  value: unknown,
  by: string,
  said: string,
  check?: (wait: OpenWait) => void,
): Promise<void> {
  const { app, display, json } = context;
  const run = await findRun(app, typedRun);
  const wait = await findWait(app, run, typedWait);
  check?.(wait);
  await app.answer(run.runId, wait.waitId, value, { by });
  if (json) return display.out(JSON.stringify({ runId: run.runId, waitId: wait.waitId, value }));
  printAnswered(context, wait, said);
}

/** Whether something happened is not a matter of yes or no to a wish: it needs a look at the world. */
function refuseDoubt({ kind, name, runId, waitId }: OpenWait): void {
  if (kind !== "in-doubt") return;
  const how = [
    `concertato answer ${runId} ${waitId} '{"happened":false}'`,
    `concertato answer ${runId} ${waitId} '{"happened":true,"output":…}'`,
  ];
  throw new CliError(
    exitCodes.usage,
    `${name} was interrupted, and it is not known whether it happened. Look, then say so:\n  ${how.join("\n  ")}`,
  );
}

function printAnswered({ display }: CommandContext, { name, request, runId }: OpenWait, said: string): void {
  const { out, paint, marks } = display;
  out(`${paint("good", `${marks.done} ${said}`)} as ${name}`);
  printRequest(display, request);
  out(
    paint("quiet", `Run ${runId} goes on as soon as a process with its agents is up; for the support desk: npm start`),
  );
}

function parseAnswer(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new CliError(
      exitCodes.usage,
      `The answer is not JSON: ${json}. Write strings in quotes, for example '"yes"' or '{"approved":true}'.`,
    );
  }
}
