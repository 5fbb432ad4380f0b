/** Reads an inbox: one JSON message per line, urgent ones first. A line that does not fit is named, and nothing is started. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { type Labelled, labelled } from "./agents/exam.ts";
import { isUrgent } from "./agents/urgency.ts";
import { type Message, message } from "./messages.ts";

/** The inbox cannot be worked on; the message says which line and why. */
class InboxError extends Error {}

export interface Inbox {
  readonly messages: Message[];
  /** The same for the same messages: starting the desk again finds the run it began. */
  readonly key: string;
  /** Something in it cannot wait. */
  readonly urgent: boolean;
}

/** @throws InboxError */
export function readInbox(file: string): Inbox {
  const messages = inUrgencyOrder(readLines(file).map(([number, line]) => parseLine(file, number, line)));
  const ids = new Set(messages.map(({ id }) => id));
  if (messages.length === 0) throw new InboxError(`${file} holds no message. Write one JSON object per line.`);
  if (ids.size < messages.length)
    throw new InboxError(`${file} holds two messages with the same id. Give each its own.`);
  const hash = createHash("sha256").update(JSON.stringify(messages)).digest("hex").slice(0, 16);
  return { messages, key: `inbox-${hash}`, urgent: messages.some(isUrgent) };
}

/** Labelled messages, to measure the router on. */
export function readLabelled(file: string): readonly Labelled[] {
  return readLines(file).map(([, line]) => labelled.parse(JSON.parse(line)));
}

/** What cannot wait first, the rest as it came. */
function inUrgencyOrder(messages: readonly Message[]): Message[] {
  return [...messages].sort((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)));
}

function readLines(file: string): readonly (readonly [number, string])[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.flatMap((line, index) => (line.trim() === "" ? [] : [[index + 1, line] as const]));
  } catch (error) {
    throw new InboxError(`${file} cannot be read. Pass an existing file with --inbox.`, { cause: error });
  }
}

function parseLine(file: string, number: number, line: string): Message {
  try {
    return message.parse(JSON.parse(line));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "it is not JSON";
    throw new InboxError(
      `${file}, line ${number}: ${why}. A message has id, from, name, receivedAt, subject and body.`,
    );
  }
}
