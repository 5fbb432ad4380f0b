/**
 * Asks the person at this terminal what a run wants to know, one question after the other. A question that somebody answers
 * elsewhere meanwhile is taken back.
 */
import { createInterface } from "node:readline/promises";
import type { App } from "concertato";
import type { OpenWait } from "./find-run.ts";
import type { CliWorld, CommandContext } from "./shell.ts";
import { questionLines } from "./views/question.ts";
import { plainLine } from "./views/plain-text.ts";

export class Asking {
  readonly #app: App;
  readonly #by: string;
  readonly #context: CommandContext;
  readonly #terminal: Pick<CliWorld, "stdin" | "prompt">;
  readonly #open = new Map<string, AbortController>();
  #turn: Promise<void> = Promise.resolve();
  #left = false;

  constructor(context: CommandContext, terminal: Pick<CliWorld, "stdin" | "prompt">, by: string) {
    this.#app = context.app;
    this.#context = context;
    this.#terminal = terminal;
    this.#by = by;
  }

  /** The person has left (Ctrl-D): nothing is asked here any more. */
  get left(): boolean {
    return this.#left;
  }

  /** Asks what is open now and was not asked yet; takes back what is not open any more. */
  update(waits: readonly OpenWait[]): void {
    for (const [waitId, question] of this.#open) {
      if (waits.some((wait) => wait.waitId === waitId)) continue;
      question.abort();
      this.#open.delete(waitId);
    }
    for (const wait of waits) {
      if (this.#left || this.#open.has(wait.waitId)) continue;
      const question = new AbortController();
      this.#open.set(wait.waitId, question);
      this.#turn = this.#turn.then(() => this.#ask(wait, question.signal));
    }
  }

  /** A question whose answer did not fit is asked again. */
  again(path: string): void {
    // An effect in doubt is addressed by its path and the number of the doubt.
    for (const waitId of this.#open.keys()) if (waitId.split("@")[0] === path) this.#open.delete(waitId);
  }

  /** Takes every question back. */
  stop(): void {
    this.#left = true;
    for (const question of this.#open.values()) question.abort();
  }

  async #ask(wait: OpenWait, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#left) return;
    const { display } = this.#context;
    display.error();
    // How to answer from another terminal is not what somebody at this one needs.
    for (const line of questionLines(this.#context, wait, false, "here")) display.error(line);
    const terminal = createInterface({ input: this.#terminal.stdin, output: this.#terminal.prompt });
    // Ctrl-C is the process's, not the line editor's.
    terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    const gone = new Promise<null>((resolve) => {
      terminal.once("close", () => resolve(null));
    });
    try {
      const typed = await Promise.race([terminal.question(`  ${promptOf(wait)} `, { signal }), gone]);
      if (typed === null) this.#left = true;
      else await this.#give(wait, typed.trim());
    } catch {
      if (!signal.aborted) this.#left = true;
    } finally {
      terminal.close();
    }
  }

  async #give(wait: OpenWait, typed: string): Promise<void> {
    const { runId, waitId, name, kind } = wait;
    const value = answerOf(wait, typed, this.#by);
    try {
      if (kind === "signal") await this.#app.signal(runId, name, value);
      else await this.#app.answer(runId, waitId, value, { by: this.#by });
    } catch (error) {
      // Answered elsewhere in the same moment, or the run is over.
      this.#context.display.error(plainLine(error instanceof Error ? error.message : String(error)));
    }
  }
}

function promptOf({ kind }: OpenWait): string {
  if (kind === "in-doubt") return "Did it happen? [n, or its output as JSON]";
  if (kind === "signal") return "Its value [JSON or text]:";
  return "[y]es, [n]o WHY, or an answer [JSON or text]:";
}

/** What was typed, as an answer: yes and no are decisions, anything else is taken as it is. */
function answerOf({ kind }: OpenWait, typed: string, by: string): unknown {
  const decided = /^(y|yes|n|no)(?:\s+(.*))?$/i.exec(typed);
  const isYes = decided?.[1]?.toLowerCase().startsWith("y") === true;
  if (kind === "in-doubt") {
    if (decided !== null && !isYes) return { happened: false };
    return { happened: true, ...(decided === null ? { output: valueOf(typed) } : {}) };
  }
  if (kind === "signal" || decided === null) return valueOf(typed);
  return { approved: isYes, by, ...(decided[2] === undefined ? {} : { note: decided[2] }) };
}

function valueOf(typed: string): unknown {
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}
