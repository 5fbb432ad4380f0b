/**
 * A process of the harness: started, listened to, and ended by its own id, never by name. It ends by itself when the
 * supervisor dies, because its standard input ends then.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface ChildOptions {
  readonly name: string;
  /** File beside this one. */
  readonly script: string;
  readonly args: readonly string[];
  /** Folder for compiled code, so that a restart is quick. */
  readonly cache: string;
  readonly onLine?: (line: string) => void;
}

/** First lines of standard output, and last lines of standard error, that are kept. */
const kept = 20;

export class Child {
  readonly name: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #errors: string[] = [];
  /** The first lines it said. */
  readonly #said: string[] = [];
  readonly #waiting = new Map<string, (line: string) => void>();
  /** Ended because we wanted it to. */
  #wanted = false;
  /** Resolves when it is gone and all it printed was read; the text says why, if it went by itself. */
  readonly gone: Promise<string | null>;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#process = spawn(process.execPath, [...flags, here(options.script), ...options.args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: options.cache, NODE_OPTIONS: "" },
    });
    this.#process.stdin.on("error", () => undefined);
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#heard(line, options.onLine));
    createInterface({ input: this.#process.stderr }).on("line", (line) => {
      this.#errors.push(line);
      if (this.#errors.length > kept) this.#errors.shift();
    });
    this.gone = this.#untilGone();
  }

  /** Kills it at once; nothing of it survives but what it wrote. */
  kill(): void {
    this.#wanted = true;
    this.#process.kill("SIGKILL");
  }

  /** Lets it close by itself; kills it when it does not in time. Answers what went wrong. */
  async close(withinMs: number): Promise<string | null> {
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    const reason = await this.gone;
    clearTimeout(timer);
    return reason;
  }

  /** Asks it to go home, as a service manager does; kills it when it does not in time. */
  async terminate(withinMs: number): Promise<void> {
    this.#wanted = true;
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    await this.gone;
    clearTimeout(timer);
  }

  /** It stands still, as on a machine that is out of memory or breath, until it is woken. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  say(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** A line that begins so, among the first ones; rejects when the process ends before. */
  async line(start: string): Promise<string> {
    const known = this.#said.find((line) => line.startsWith(start));
    if (known !== undefined) return known;
    const heard = new Promise<string>((resolve) => this.#waiting.set(start, resolve));
    const early = this.gone.then((reason) => {
      throw new Error(`${this.name} ended before it said "${start}": ${reason ?? "killed"}`);
    });
    return Promise.race([heard, early]);
  }

  #heard(line: string, onLine: ((line: string) => void) | undefined): void {
    if (this.#said.length < kept) this.#said.push(line);
    for (const [start, resolve] of this.#waiting) {
      if (!line.startsWith(start)) continue;
      this.#waiting.delete(start);
      resolve(line);
    }
    onLine?.(line);
  }

  #untilGone(): Promise<string | null> {
    return new Promise((resolve) => {
      this.#process.on("error", (error) => resolve(String(error)));
      this.#process.on("close", (code, signal) => {
        if (this.#wanted || code === 0) return resolve(null);
        resolve(`${this.name} ended with ${signal ?? `code ${code}`}. ${this.#errors.join(" | ")}`);
      });
    });
  }
}

const flags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

function here(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
