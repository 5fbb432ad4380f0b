/** Runs a part of a workload in a process of its own, on the core that this one is pinned to. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process that prints lines of JSON. */
export interface OtherProcess {
  /** The next line. Throws when the process ends before it. */
  readonly line: () => Promise<unknown>;
  /** kill -9. */
  readonly kill: () => Promise<void>;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
}

/** @param script beside this file */
export function otherProcess(script: string, args: readonly string[]): OtherProcess {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, file, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ended,
    line: async () => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${script} ended without an answer (exit code ${exitOf(child)}).`);
      return JSON.parse(next.value) as unknown;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function exitOf(child: ChildProcess): string {
  return String(child.exitCode ?? child.signalCode ?? "none yet");
}
