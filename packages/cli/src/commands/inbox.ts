/** `concertato inbox`: everything that waits for people, in all runs, the most urgent first, with exactly what is asked. */
import type { Command } from "commander";
import type { Question } from "concertato";
import { type CommandContext, type Shell, wholeNumber } from "../shell.ts";
import { plainLine } from "../views/plain-text.ts";
import { questionLines } from "../views/question.ts";
import { shortId } from "../views/words.ts";

interface InboxOptions {
  readonly mine?: string;
  readonly agent?: string;
  readonly tenant?: string;
  readonly signals?: true;
  readonly limit: string;
}

/** What people are asked; a signal may come from anything. */
const peoples = ["answer", "in-doubt", "budget"] as const;

export function addInbox(program: Command, shell: Shell): void {
  program
    .command("inbox")
    .description("list what waits for people, with the exact arguments")
    .option("--mine <name>", "only what is asked of this person or role")
    .option("--agent <name>", "only what runs of this agent ask")
    .option("--tenant <name>", "only what runs of this tenant ask")
    .option("--signals", "signals that runs wait for, too")
    .option("--limit <n>", "at most so many", "50")
    .addHelpText("after", "\nExamples:\n  concertato inbox --mine manager\n  concertato inbox --json | jq -r .runId")
    .action((options: InboxOptions) => shell.inApp((context) => listInbox(context, options)));
}

async function listInbox(context: CommandContext, options: InboxOptions): Promise<void> {
  const { display, json, command, app } = context;
  const limit = wholeNumber("--limit", options.limit);
  const { mine, agent, tenant } = options;
  const found = await app.waiting({
    // One more, to know whether there are more.
    limit: limit + 1,
    kinds: options.signals === true ? [...peoples, "signal"] : peoples,
    ...(mine === undefined ? {} : { name: mine }),
    ...(agent === undefined ? {} : { agent }),
    ...(tenant === undefined ? {} : { tenant }),
  });
  const asked = found.slice(0, limit).sort(byUrgency);
  if (json) return asked.forEach((question) => display.out(JSON.stringify(question)));
  if (asked.length === 0) return printEmpty(context, options);
  for (const question of asked) {
    printQuestion(context, question, found.filter(({ runId }) => runId === question.runId).length > 1);
    display.out();
  }
  const count = asked.length === 1 ? "One question." : `${asked.length} questions.`;
  const rest = found.length > limit ? ` There are more: ${command(`inbox --limit ${limit * 2}`)}` : "";
  display.error(display.paint("quiet", `${count}${rest}`));
}

/** What ends first comes first, then what has waited longest. */
function byUrgency(a: Question, b: Question): number {
  const never = Number.MAX_SAFE_INTEGER;
  return (a.until ?? never) - (b.until ?? never) || a.since - b.since;
}

function printQuestion(context: CommandContext, question: Question, several: boolean): void {
  const { paint, marks, out } = context.display;
  const { agent, runId, waitId, answeredBy } = question;
  const [head = "", ...rest] = questionLines(context, { ...question, runId: shortId(runId) }, several);
  out(head);
  out(paint("quiet", `  ${[agent, runId, waitId].join(` ${marks.dot} `)}`));
  if (answeredBy === undefined) return rest.forEach((line) => out(line));
  out(`  ${paint("good", `${marks.done} answered by ${plainLine(answeredBy)}`)}; it counts when a process takes it up`);
}

function printEmpty({ display, command }: CommandContext, { mine }: InboxOptions): void {
  display.out(mine === undefined ? "Nothing waits for a person." : `Nothing waits for ${mine}.`);
  const hint = mine === undefined ? `All runs: ${command("ls")}` : `What waits for anybody: ${command("inbox")}`;
  display.out(display.paint("quiet", hint));
}
