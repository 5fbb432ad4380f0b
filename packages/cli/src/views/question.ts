/** An open question as people see it: who is asked, since when, until when, exactly what, and how to answer. */
import type { WaitSummary } from "concertato";
import type { CommandContext } from "../shell.ts";
import { plainLine } from "./plain-text.ts";
import { approvalOf, requestLines } from "./request.ts";
import { ageWords, whenWords } from "./words.ts";

/** Something that somebody outside can end, in a list or in a run's tree. */
interface AskedWait extends Pick<WaitSummary, "kind" | "waitId" | "name" | "since" | "until"> {
  readonly runId: string;
  readonly request: unknown;
}

/** Where an answer can be given: from another terminal, at this one, or nowhere (the run is in memory only). */
type Whence = "elsewhere" | "here" | "nowhere";

/** @param several the run asks more than this, so the command names it */
export function questionLines(
  context: CommandContext,
  wait: AskedWait,
  several: boolean,
  whence: Whence = "elsewhere",
): readonly string[] {
  const { display, now, command } = context;
  const { paint, marks } = display;
  const { name, request, since, until } = wait;
  const age = ageWords(now - since);
  const long = age === "now" ? "" : `, since ${age}`;
  const end = until === undefined ? "" : `, until ${whenWords(until, now)}`;
  return [
    `${paint("wait", `${marks.wait} ${plainLine(name)}`)} ${askedWords(wait)}${long}${end}`,
    ...requestLines(display, request),
    ...(whence === "elsewhere" ? answerCommands(wait, several) : []).map(
      (each) => `  ${paint("accent", command(each))}`,
    ),
  ];
}

function askedWords({ kind }: AskedWait): string {
  switch (kind) {
    case "answer":
      return "is asked";
    case "signal":
      return "is waited for";
    case "budget":
      return "is used up; approving gives as much again";
    case "in-doubt":
      return "may have happened or not; look, then say so";
    default:
      return "is waited for";
  }
}

/** What to type, as commands of this CLI. */
function answerCommands({ kind, runId, waitId, name, request }: AskedWait, several: boolean): readonly string[] {
  const target = `${runId}${several ? ` ${waitId}` : ""}`;
  switch (kind) {
    case "answer":
      return approvalOf(request) === undefined
        ? [`approve ${target}`, `answer ${runId} ${waitId} JSON`]
        : [`approve ${target}`, `reject ${target} --note WHY`];
    case "signal":
      return [`signal ${runId} ${name} JSON`];
    case "budget":
      return [`approve ${target}`, `reject ${target}`];
    case "in-doubt":
      return [
        `answer ${runId} ${waitId} '{"happened":false}'`,
        `answer ${runId} ${waitId} '{"happened":true,"output":JSON}'`,
      ];
    default:
      return [];
  }
}
