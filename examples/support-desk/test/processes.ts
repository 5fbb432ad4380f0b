/** Runs the desk and the CLI as real processes, and reads what they did from outside: bank, mails, JSON lines. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Books, openBank } from "../src/services/bank.ts";
import { readMailFolder } from "../src/services/mail-folder.ts";
import { readCard } from "../src/services/mail-card.ts";
import { isAlive, until } from "./until.ts";

const deskProgram = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const cliProgram = fileURLToPath(new URL("../../../packages/cli/src/bin.ts", import.meta.url));
/** A small inbox and no model: the tests that kill start many desks. What a test passes comes later and counts. */
export const eight = fileURLToPath(new URL("inboxes/eight.jsonl", import.meta.url));
const nodeFlags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface RunningProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly kill: () => void;
  /** SIGTERM, as a platform sends it before it kills. */
  readonly stop: () => void;
}

/** Starts the desk with its data in a folder, without a terminal. */
export function startDesk(
  folder: string,
  args: readonly string[] = [],
  heard: (line: string) => void = () => undefined,
): RunningProcess {
  return startNode([deskProgram, "--data", folder, "--inbox", eight, "--routing", "keywords", ...args], folder, heard);
}

export function runDesk(folder: string, ...args: readonly string[]): Promise<Ended> {
  return startDesk(folder, args).ended;
}

/** Runs one command of the CLI on the desk's database. */
export function runCli(folder: string, ...args: readonly string[]): Promise<Ended> {
  return startNode([cliProgram, "--db", join(folder, "desk.db"), ...args], folder, () => undefined).ended;
}

function startNode(args: readonly string[], folder: string, heard: (line: string) => void): RunningProcess {
  const environment = { ...process.env, LC_ALL: "C.UTF-8", NO_COLOR: "1", CONCERTATO_DB: "" };
  const child = spawn(process.execPath, [...nodeFlags, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment,
    cwd: existsSync(folder) ? folder : undefined,
  });
  let output = "";
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    output += `${line}\n`;
    heard(line);
  });
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
  });
  return { pid: child.pid ?? 0, ended, kill: () => void child.kill("SIGKILL"), stop: () => void child.kill("SIGTERM") };
}

/** The last line of `--json`. */
const summaryLine = z.object({
  type: z.literal("summary"),
  status: z.string(),
  lines: z.array(
    z.object({
      runId: z.string(),
      message: z.object({ id: z.string() }),
      status: z.string(),
      wait: z.object({ waitId: z.string() }).optional(),
    }),
  ),
  totals: z.object({
    answered: z.number(),
    waiting: z.number(),
    failed: z.number(),
    mailsSent: z.number(),
    paymentsMade: z.number(),
    repeated: z.number(),
  }),
});

export function summaryOf({ output }: Ended): z.infer<typeof summaryLine> {
  return summaryLine.parse(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
}

/** Runs that wait for a person's word. */
export function askingIn({ lines }: z.infer<typeof summaryLine>): readonly string[] {
  return lines.flatMap(({ runId, wait }) => (wait === undefined ? [] : [runId]));
}

/** Approves, or rejects, all that waits. */
export async function decideAll(
  folder: string,
  summary: z.infer<typeof summaryLine>,
  ...verb: readonly string[]
): Promise<void> {
  const [name = "approve", ...options] = verb;
  for (const runId of askingIn(summary)) {
    const { code, errors } = await runCli(folder, name, runId, ...options);
    if (code !== 0) throw new Error(`${name} ${runId} ended with ${code}: ${errors}`);
  }
}

export function booksOf(folder: string): Books {
  using bank = openBank(join(folder, "bank.db"));
  return bank.books();
}

/** Receivers of all mails that the server accepted, sorted; one that got two mails is there twice. */
export function receiversOf(folder: string): readonly string[] {
  const mails = readMailFolder(join(folder, "mails"));
  const receiver = (file: string): string =>
    /^To: (.+)$/m.exec(readFileSync(join(mails.directory, file), "utf8"))?.[1]?.trim() ?? "nobody";
  return mails.list().map(receiver).sort();
}

/** Ends a desk's mail server, if it still runs. */
export async function stopMailServer(folder: string): Promise<void> {
  const pid = readCard(join(folder, "mails"))?.pid;
  if (pid === undefined || !isAlive(pid)) return;
  process.kill(pid, "SIGKILL");
  await until("the mail server has ended", () => !isAlive(pid));
}
