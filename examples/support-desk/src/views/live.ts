/** Prints sentences as they are told: message, agent, what it did. Wrapped with a hanging indent, never cut. */
import type { Message } from "../messages.ts";
import type { Sentence } from "./sentences.ts";
import { type Terminal, toMarks, wrapWords } from "./terminal.ts";

const idWidth = 6;
const nameWidth = 14;
const agentWidth = 14;
const indent = 2 + idWidth + nameWidth + agentWidth;

export function printTold(terminal: Terminal, about: Message, told: Sentence): void {
  const { paint, marks, width } = terminal;
  const [first = "", ...rest] = wrapWords(toMarks(told.text, marks), Math.max(24, width - indent));
  const head =
    paint("quiet", fit(about.id, idWidth)) + fit(about.name, nameWidth) + paint("strong", fit(told.agent, agentWidth));
  terminal.line(`  ${head}${paint(told.tone, first)}`);
  for (const line of rest) terminal.line(" ".repeat(indent) + paint(told.tone, line));
}

/** Padded to a column with at least one space; a longer text pushes the rest to the right. */
function fit(text: string, width: number): string {
  return `${text} `.padEnd(width);
}
