/** The command line of the desk: parsed once, with a help that teaches. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface DeskOptions {
  readonly data: string;
  readonly inbox: string;
  /** By meaning, with the local model; or by keywords alone, which needs 200 MB less. */
  readonly routing: "meaning" | "keywords";
  /** Hand in so many messages of the inbox at most. */
  readonly limit: number | undefined;
  /** So many messages are worked on at once. */
  readonly concurrency: number;
  /** So often is the working process killed; undefined: not at all. */
  readonly chaos: number | undefined;
  /** Ask nobody: end when all that can be done is done, with an exit code of its own when a person is asked. */
  readonly exit: boolean;
  readonly fresh: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** The model that writes the answers; rules where none is named. */
  readonly model: string | undefined;
  /** Lines instead of panes, though somebody sits at the terminal. */
  readonly plain: boolean;
  /** Nothing but ASCII. */
  readonly ascii: boolean;
}

export const helpText = `The support desk: a team of agents answers an inbox.

Usage: npm start [-- options]

  --data DIR     where its data lies            (default .concertato/support-desk)
  --inbox PATH   messages: JSON lines, CSV with (default the sample inbox, 67 messages)
                 a column "text", mbox, a mail,
                 a maildir, a folder of these;
                 - for standard input
  --limit N      take only the first N of them
  --concurrency N  work on N at once            (default 16; who waits for a person is not counted)
  --routing HOW  by meaning, or by keywords     (default meaning, with a local model)
  --model NAME   a model writes the answers     (default: rules compose them, no key)
                 openai/gpt-5-mini, ollama/qwen3, or http://HOST:PORT/v1#MODEL
  --exit         ask nobody; end when all that can be done is done
  --chaos N      kill the working process N times at random moments, start it again, and
                 prove by bank and mails that nothing is lost or repeated (default 10)
  --fresh        forget what was done and start again
  --json         one JSON object per line, for programs
  --quiet        only the summary
  --plain        lines instead of panes, at a terminal too
  --ascii        nothing but ASCII on the screen
  --help         this text

At a terminal: K kills the worker (it goes on by itself), t takes a message of yours, o opens
the report, y, n and l answer what is asked, q leaves. Anywhere else: one line for each step.

Exit codes: 0 done, or what is left waits for a person; 1 something failed; 2 wrong options;
with --exit, 3 when a person is asked.

Kill it at any moment and run it again: it goes on where it was, and no mail is sent and
no refund is paid twice. Refunds above 50.00 EUR wait for a manager: answer at the prompt,
or from another terminal with

  npm run concertato -- ls
  npm run concertato -- approve RUN
`;

export type Parsed =
  | { readonly kind: "run"; readonly options: DeskOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly reason: string };

/** What the arguments ask for; a wrong one is named. */
export function parseOptions(args: readonly string[], directory: string): Parsed {
  try {
    const { values } = parseArgs({
      args: args.map(withNumber),
      options: {
        data: { type: "string", default: join(".concertato", "support-desk") },
        inbox: { type: "string" },
        routing: { type: "string", default: "meaning" },
        limit: { type: "string" },
        concurrency: { type: "string", default: "16" },
        exit: { type: "boolean", default: false },
        chaos: { type: "string" },
        fresh: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        quiet: { type: "boolean", default: false },
        model: { type: "string" },
        plain: { type: "boolean", default: false },
        ascii: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const { routing } = values;
    if (routing !== "meaning" && routing !== "keywords")
      return { kind: "wrong", reason: `--routing is meaning or keywords, not "${routing}".` };
    const inbox = inboxOf(values.inbox, directory);
    const concurrency = wholeNumber("--concurrency", values.concurrency);
    const limit = values.limit === undefined ? undefined : wholeNumber("--limit", values.limit);
    const chaos = values.chaos === undefined ? undefined : wholeNumber("--chaos", values.chaos);
    const data = resolve(directory, values.data);
    if (chaos !== undefined && inbox === standardInput)
      return { kind: "wrong", reason: "--chaos reads the inbox again and again: pass a file with --inbox." };
    return {
      kind: "run",
      options: { ...values, model: values.model, routing, limit, concurrency, chaos, data, inbox },
    };
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
}

const usualKills = 10;

/** `--chaos` may come without its number. */
function withNumber(arg: string, index: number, args: readonly string[]): string {
  return arg === "--chaos" && !/^\d+$/.test(args[index + 1] ?? "") ? `--chaos=${usualKills}` : arg;
}

/** What `--inbox -` means: the messages come through the pipe. */
export const standardInput = "-";

function inboxOf(named: string | undefined, directory: string): string {
  if (named === undefined) return sampleInbox;
  return named === standardInput ? named : resolve(directory, named);
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= 1_000_000) return number;
  throw new Error(`${option} is a whole number from 1 to 1,000,000, not "${text}".`);
}

/** The inbox that ships, and the messages that measure the router on it. */
export const sampleInbox = fileURLToPath(new URL("../inbox/messages.jsonl", import.meta.url));
export const heldOutFile = fileURLToPath(new URL("../inbox/held-out.jsonl", import.meta.url));
