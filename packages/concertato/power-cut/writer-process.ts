/**
 * Starts, stops, resumes and ends a writer, by its own process id, and hears what it says. It speaks on a named pipe that
 * is read without waiting: when it has stopped, everything that it said until then can be taken out to the last line.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { WriterLine, WriterOptions } from "./lines.ts";

/** Between two looks into the pipe, in ms; a full pipe stops the writer. */
const beat = 2;

/** Longest wait until a stopped writer has come out of its last system call, in ms. */
const restMs = 5_000;

const flags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

export interface WriterProcessOptions {
  /** Address of the script. */
  readonly script: string;
  /** Its pipe exists. */
  readonly options: WriterOptions;
  /** Folder for compiled code, so that a restart is quick. */
  readonly cache: string;
  readonly onLine: (line: WriterLine) => void;
}

export class WriterProcess {
  readonly #process: ChildProcessByStdio<Writable, null, Readable>;
  readonly #pipe: number;
  readonly #onLine: (line: WriterLine) => void;
  readonly #ticker: NodeJS.Timeout;
  readonly #chunk = Buffer.alloc(1024 * 1024);
  readonly #ready = Promise.withResolvers<void>();
  #rest = "";
  #errors = "";
  #wanted = false;
  #closed = false;
  /** Resolves when it is gone; the text says why, if it went by itself. */
  readonly gone: Promise<string | null>;

  constructor({ script, options, cache, onLine }: WriterProcessOptions) {
    this.#onLine = onLine;
    this.#pipe = openSync(options.pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#process = spawn(process.execPath, [...flags, fileURLToPath(script), JSON.stringify(options)], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: "" },
    });
    this.#process.stdin.on("error", () => undefined);
    this.#process.stderr.on("data", (piece: Buffer) => (this.#errors = (this.#errors + String(piece)).slice(-4_000)));
    this.#ticker = setInterval(() => this.#drain(), beat);
    this.gone = this.#untilGone();
  }

  /** Resolves when the app is open; rejects when the writer ended before. */
  async ready(): Promise<void> {
    const early = this.gone.then((reason) => {
      throw new Error(`The writer ended before it was ready: ${reason ?? "killed"}`);
    });
    await Promise.race([this.#ready.promise, early]);
  }

  /**
   * Stops it and hears what it has said.
   * @param rested waits until no system call of it is under way; otherwise the cut may fall into the middle of a sync
   */
  async stop(rested: boolean): Promise<void> {
    this.#process.kill("SIGSTOP");
    for (let waited = 0; rested && waited < restMs && !this.#resting(); waited++) await setTimeout(1);
    this.#drain();
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Ends it at once, stopped or not. */
  async kill(): Promise<void> {
    this.#wanted = true;
    this.#process.kill("SIGKILL");
    await this.gone;
  }

  /** Lets it close the app by itself. Answers what went wrong. */
  async close(withinMs: number): Promise<string | null> {
    this.resume();
    this.#process.stdin.end();
    const killer = globalThis.setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    const reason = await this.gone;
    clearTimeout(killer);
    return reason;
  }

  /** All of its threads are stopped. */
  #resting(): boolean {
    const tasks = `/proc/${this.#process.pid}/task`;
    try {
      return readdirSync(tasks).every((task) => /\) [TtZX] /.test(readFileSync(`${tasks}/${task}/stat`, "utf8")));
    } catch {
      // A thread or the whole of it has ended meanwhile.
      return false;
    }
  }

  /** Takes out everything that is in the pipe now. Half a line was not said. */
  #drain(): void {
    if (this.#closed) return;
    for (let length = this.#read(); length > 0; length = this.#read()) {
      const lines = (this.#rest + this.#chunk.toString("latin1", 0, length)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#hear(line);
    }
  }

  #read(): number {
    try {
      return readSync(this.#pipe, this.#chunk);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") return 0;
      throw error;
    }
  }

  #hear(text: string): void {
    // Writers write one of these per line.
    const line = JSON.parse(text) as WriterLine;
    if (line.say === "ready") this.#ready.resolve();
    this.#onLine(line);
  }

  #untilGone(): Promise<string | null> {
    return new Promise((resolve) => {
      const end = (reason: string | null): void => {
        this.#drain();
        clearInterval(this.#ticker);
        if (!this.#closed) closeSync(this.#pipe);
        this.#closed = true;
        resolve(reason);
      };
      this.#process.on("error", (error) => end(String(error)));
      this.#process.on("close", (code, signal) => {
        if (this.#wanted || code === 0) return end(null);
        end(`the writer ended with ${signal ?? `code ${code}`}. ${this.#errors}`);
      });
    });
  }
}
