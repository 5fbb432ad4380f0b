/**
 * The desk at a terminal: two panes over a worker process. The keys are here, the work is there; killing the worker is
 * therefore a real SIGKILL, after which another one takes up what the first had committed.
 *
 *   starting ──opened──▶ at work ◀──▶ at rest        K: killed ──▶ starting        q: leaving ──▶ gone
 *
 * A worker that ends by itself is started again, three times at most; then the cockpit ends and says why.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import type { Message } from "../messages.ts";
import type { Terminal } from "../views/terminal.ts";
import type { Summary } from "../views/summary.ts";
import type { ReportFiles } from "../views/report.ts";
import { Board } from "./board.ts";
import { drawPanes } from "./panes.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import { openScreen, type Screen } from "./screen.ts";
import { charactersOf } from "./text-width.ts";

const program = fileURLToPath(new URL("worker.ts", import.meta.url));
/** So often is the screen drawn at most. */
const frameMs = 50;
/** Of what a failed worker wrote, so much is shown. */
const mostErrors = 4000;
const mostFailures = 3;

/** Who writes what is typed here: a customer of the bank, with a card and a payment that was charged twice. */
const typist = { from: "you@example.com", name: "You" } as const;

export interface CockpitEnd {
  readonly code: number;
  /** What the worker last reported. */
  readonly rested: { readonly summary: Summary; readonly files: ReportFiles } | undefined;
  /** What a worker that could not go on wrote. */
  readonly errors: string;
}

/** A line that is being written. */
interface Typing {
  readonly kind: "message" | "answer";
  text: string;
}

/** Shows the desk until whoever watches leaves; with `exits`, until nothing moves by itself any more. */
export async function watch(args: readonly string[], terminal: Terminal, exits: boolean): Promise<CockpitEnd> {
  const cockpit = new Cockpit(args, terminal, exits);
  return cockpit.run();
}

class Cockpit {
  readonly #terminal: Terminal;
  readonly #exits: boolean;
  readonly #board = new Board();
  readonly #startedAt = Date.now();
  readonly #ended = Promise.withResolvers<CockpitEnd>();
  /** What was typed and is not known to have a run. */
  readonly #typed = new Map<string, Message>();
  /** All of it, so that a new worker follows it too. */
  readonly #written: Message[] = [];
  #args: readonly string[];
  #worker: ChildProcess | undefined;
  #ready = false;
  #leaving = false;
  #killing = false;
  #failures = 0;
  #errors = "";
  #restedAt: number | undefined;
  #last: CockpitEnd["rested"];
  #typing: Typing | undefined;
  #screen: Screen | undefined;
  #frame: NodeJS.Timeout | undefined;

  constructor(args: readonly string[], terminal: Terminal, exits: boolean) {
    this.#args = args;
    this.#terminal = terminal;
    this.#exits = exits;
  }

  async run(): Promise<CockpitEnd> {
    const leave = (): void => this.#leave();
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, leave);
    const clock = setInterval(() => this.#draw(), 500);
    using screen = openScreen({
      input: process.stdin,
      output: process.stdout,
      onKeys: (keys) => this.#keys(keys),
      onResize: () => this.#drawNow(),
    });
    this.#screen = screen;
    this.#drawNow();
    this.#start();
    try {
      return await this.#ended.promise;
    } finally {
      clearInterval(clock);
      clearTimeout(this.#frame);
      for (const signal of signals) process.off(signal, leave);
      this.#worker?.kill("SIGKILL");
    }
  }

  #start(): void {
    const worker = spawn(process.execPath, [...process.execArgv, program, ...this.#args], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#worker = worker;
    this.#ready = false;
    worker.stderr?.on("data", (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-mostErrors)));
    worker.on("message", (word: FromWorker) => this.#hear(word));
    worker.on("error", (error) => (this.#errors += error.message));
    worker.on("close", (code) => this.#gone(code));
    this.#draw();
  }

  #hear(word: FromWorker): void {
    const board = this.#board;
    const first = word.kind === "opened";
    board.hear(word);
    if (first) {
      this.#ready = true;
      // What was done before is forgotten now; what is done from here on is not.
      this.#args = this.#args.filter((arg) => arg !== "--fresh");
      if (board.killed > 0 && board.handOffs.length > 0)
        board.notice = `Worker ${this.#worker?.pid} goes on with what is in the journal.`;
      for (const message of this.#written) this.#say({ kind: "typed", message });
    }
    if (word.kind === "taken") this.#typed.delete(word.id);
    if (word.kind === "heard") this.#restedAt = undefined;
    if (word.kind === "rested") {
      this.#failures = 0;
      this.#restedAt ??= Date.now();
      this.#last = { summary: word.summary, files: word.files };
      if (this.#exits) this.#leave();
    }
    this.#draw();
  }

  #gone(code: number | null): void {
    this.#worker = undefined;
    if (this.#leaving) return this.#end(code === 1 ? 1 : 0);
    if (this.#killing) this.#killing = false;
    else if (++this.#failures >= mostFailures || !this.#ready) return this.#end(code ?? 1);
    else {
      this.#errors = "";
      this.#interrupted(false, "ended by itself");
    }
    this.#start();
  }

  #interrupted(killed: boolean, how: string): void {
    this.#board.interrupt(killed);
    this.#board.notice = `Worker ${this.#worker?.pid ?? ""} ${how}; another one starts.`.replace("  ", " ");
    this.#typing = undefined;
  }

  #end(code: number): void {
    this.#ended.resolve({ code, rested: this.#last, errors: this.#errors });
  }

  #leave(): void {
    if (this.#leaving) return this.#end(0);
    this.#leaving = true;
    this.#board.notice = "Finishing what is under way; again to leave at once.";
    if (this.#worker === undefined) this.#end(0);
    else this.#say({ kind: "leave" });
    this.#draw();
  }

  #kill(): void {
    if (this.#worker === undefined || this.#killing || this.#leaving) return;
    this.#killing = true;
    this.#interrupted(true, "was killed (SIGKILL)");
    this.#worker.kill("SIGKILL");
    this.#draw();
  }

  #keys(keys: string): void {
    if (keys.startsWith("\x1b") && keys !== "\x1b") return;
    for (const key of keys) this.#key(key);
    this.#draw();
  }

  #key(key: string): void {
    if (key === "\x03") return this.#leave();
    if (this.#typing !== undefined) return this.#type(key, this.#typing);
    switch (key) {
      case "K":
        return this.#kill();
      case "t":
        this.#typing = { kind: "message", text: "" };
        return;
      case "o":
        return this.#open();
      case "q":
        return this.#leave();
      case "y":
      case "n":
      case "l":
        if (this.#board.question !== null) this.#typing = { kind: "answer", text: key };
        return;
    }
  }

  #type(key: string, typing: Typing): void {
    if (key === "\x1b") this.#typing = undefined;
    else if (key === "\r" || key === "\n") {
      this.#typing = undefined;
      if (typing.kind === "message") this.#send(typing.text.trim());
      else this.#answer(typing.text.trim().toLowerCase());
    } else if (key === "\x7f" || key === "\b") typing.text = charactersOf(typing.text).slice(0, -1).join("");
    else if (key === "\x15") typing.text = "";
    else if (key >= " ") typing.text += key;
  }

  /** What is typed is handed to every worker until one says that it has a run. */
  #send(body: string): void {
    if (body === "") return;
    const id = `t-${this.#startedAt.toString(36).slice(-4)}${this.#written.length + 1}`;
    const message = { ...typist, id, subject: "", body, receivedAt: new Date().toISOString() };
    this.#written.push(message);
    this.#typed.set(id, message);
    this.#board.notice = `Your message is ${id}.`;
    this.#say({ kind: "typed", message });
  }

  #answer(reply: string): void {
    const { question } = this.#board;
    if (question === null) return;
    const { waitId } = question.wait;
    if (/^(?:y|yes)$/.test(reply)) this.#say({ kind: "answer", waitId, decision: { approved: true, by: userName() } });
    else if (/^(?:n|no)$/.test(reply))
      this.#say({ kind: "answer", waitId, decision: { approved: false, by: userName() } });
    else if (/^(?:l|later)$/.test(reply)) this.#say({ kind: "answer", waitId, decision: null });
  }

  #open(): void {
    const file = this.#last?.files.html;
    if (file === undefined) return;
    const [command, ...args] = openers[process.platform] ?? ["xdg-open"];
    const opener = spawn(command ?? "xdg-open", [...args, file], { detached: true, stdio: "ignore" });
    opener.on("error", () => {
      this.#board.notice = `Nothing here opens pages by itself. The report is ${file}`;
      this.#draw();
    });
    opener.unref();
    this.#board.notice = `The report: ${file}`;
  }

  #say(word: ToWorker): void {
    if (this.#worker?.connected === true) this.#worker.send(word, () => undefined);
  }

  #draw(): void {
    this.#frame ??= setTimeout(() => this.#drawNow(), frameMs);
  }

  #drawNow(): void {
    clearTimeout(this.#frame);
    this.#frame = undefined;
    const screen = this.#screen;
    if (screen === undefined) return;
    const typing = this.#typing;
    const prompt = typing?.kind === "answer" ? "Approve? yes / no / later:" : "Your message:";
    const frame = {
      size: screen.size(),
      worker: this.#ready ? this.#worker?.pid : undefined,
      elapsedMs: (this.#restedAt ?? Date.now()) - this.#startedAt,
      typing: typing === undefined ? undefined : { prompt, text: typing.text },
    };
    screen.show(drawPanes(this.#board, frame, this.#terminal));
  }
}

/** What opens a page in the browser that somebody uses. */
const openers: { readonly [platform in NodeJS.Platform]?: readonly string[] } = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** Who sits here, as far as the system knows; containers often do not. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "the person at the terminal";
  }
}
