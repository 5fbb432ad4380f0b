/** The command line of the desk: parsed once, with a help that teaches. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface DeskOptions {
  readonly data: string;
  readonly inbox: string;
  /** By meaning, with the local model; or by keywords alone, which needs 200 MB less. */
  readonly routing: "meaning" | "keywords";
  readonly fresh: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

export const helpText = `The support desk: a team of agents answers an inbox.

Usage: npm start [-- options]

  --data DIR     where its data lies            (default .concertato/support-desk)
  --inbox FILE   messages, one JSON per line    (default the sample inbox, 65 messages)
  --routing HOW  by meaning, or by keywords     (default meaning, with a local model)
  --fresh        forget what was done and start again
  --json         one JSON object per line, for programs
  --quiet        only the summary
  --help         this text

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
      args: [...args],
      options: {
        data: { type: "string", default: join(".concertato", "support-desk") },
        inbox: { type: "string" },
        routing: { type: "string", default: "meaning" },
        fresh: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        quiet: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const { routing } = values;
    if (routing !== "meaning" && routing !== "keywords")
      return { kind: "wrong", reason: `--routing is meaning or keywords, not "${routing}".` };
    const inbox = values.inbox === undefined ? sampleInbox : resolve(directory, values.inbox);
    return { kind: "run", options: { ...values, routing, data: resolve(directory, values.data), inbox } };
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The inbox that ships, and the messages that measure the router on it. */
export const sampleInbox = fileURLToPath(new URL("../inbox/messages.jsonl", import.meta.url));
export const heldOutFile = fileURLToPath(new URL("../inbox/held-out.jsonl", import.meta.url));
