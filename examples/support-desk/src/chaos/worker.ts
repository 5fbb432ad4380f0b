/**
 * The desk in a process of its own, for whoever starts it again when it dies. It speaks JSON lines: what its agents did,
 * and a summary when it ends by itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { standardInput, type DeskOptions } from "../options.ts";

/** What an agent did, as the worker tells it. */
const did = z.object({ type: z.literal("did"), message: z.string(), agent: z.string(), text: z.string() });
export type Did = z.infer<typeof did>;

export interface Worker {
  /** Resolves when the process is gone: its exit code, or null when it was killed. */
  readonly ended: Promise<number | null>;
  /** SIGKILL: nothing in it can notice or clean up. */
  readonly kill: () => void;
}

const program = fileURLToPath(new URL("../main.ts", import.meta.url));

/** Starts a desk that works on the same inbox and data, asks nobody and ends when all that can be done is done. */
export function startWorker(options: DeskOptions, heard: (did: Did) => void): Worker {
  const child = spawn(process.execPath, [...process.execArgv, program, ...argumentsOf(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  listen(child, heard);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { ended, kill: () => void child.kill("SIGKILL") };
}

/** The worker never forgets: `--fresh` was done once, before the first one began. */
function argumentsOf({ data, inbox, routing, limit, concurrency, model }: DeskOptions): readonly string[] {
  if (inbox === standardInput) throw new Error("Standard input can be read once only. Pass a file with --inbox.");
  return [
    ...["--data", data, "--inbox", inbox, "--routing", routing, "--concurrency", String(concurrency)],
    ...(limit === undefined ? [] : ["--limit", String(limit)]),
    ...(model === undefined ? [] : ["--model", model]),
    ...["--exit", "--json"],
  ];
}

function listen({ stdout }: ChildProcess, heard: (did: Did) => void): void {
  if (stdout === null) return;
  createInterface({ input: stdout }).on("line", (line) => {
    const told = did.safeParse(parsed(line));
    if (told.success) heard(told.data);
  });
}

/** A killed process may leave half a line. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
