/** One command line at a plain terminal without colours, in this process: what it printed and how it ended. */
import { type ChildProcess, spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { runCli } from "../src/cli.ts";
import { openDisplay } from "../src/views/display.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Somebody at the terminal. */
export interface Person {
  readonly stdin: PassThrough & { readonly isTTY: boolean };
  readonly prompt: PassThrough;
}

/** Types these lines, one at each question; null is Ctrl-D. */
export function person(...replies: readonly (string | null)[]): Person {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const prompt = new PassThrough();
  const left = [...replies];
  prompt.on("data", (text: Buffer) => {
    if (!text.toString().includes("]")) return;
    const reply = left.shift();
    if (reply === undefined || reply === null) stdin.end();
    else stdin.write(`${reply}\n`);
  });
  return { stdin, prompt };
}

/** @param options.columns width of the lines. Default 160 */
export async function commandLine(
  folder: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly columns?: number; readonly person?: Person } = {},
): Promise<Said> {
  let out = "";
  let error = "";
  const plain = openDisplay(process.stdout, process.stderr, { LANG: "C" }, false);
  const code = await runCli(args, {
    display: {
      marks: plain.marks,
      width: options.columns ?? 160,
      height: null,
      watched: options.person !== undefined,
      paint: plain.paint,
      out: (line = "") => void (out += `${line}\n`),
      error: (line = "") => void (error += `${line}\n`),
      piece: (to, text) => void (to === "out" ? (out += text) : (error += text)),
    },
    directory: folder,
    environment: {},
    now: () => Date.now(),
    invokedAs: "concertato",
    ...(options.person ?? { stdin: Readable.from([options.stdin ?? ""]), prompt: new PassThrough() }),
    interrupted: () => new AbortController().signal,
  });
  return { code, out, error };
}

const program = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
const nodeFlags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

function environmentOf(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...process.env, CONCERTATO_STORE: "", CONCERTATO_DB: "", NO_COLOR: undefined, ...more };
}

/** The real program as a process of its own, to its end. */
export function runProgram(
  folder: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...nodeFlags, program, ...args], {
    cwd: folder,
    encoding: "utf8",
    input: options.stdin ?? "",
    env: environmentOf(options.environment ?? {}),
  });
}

const alive = new Set<ChildProcess>();

/** Ends programs that a test left behind. */
export function endPrograms(): void {
  for (const child of alive) child.kill("SIGKILL");
  alive.clear();
}

/** The real program, while it works. */
export interface Running {
  /** Waits until standard output (or error) has this. */
  readonly says: (words: string | RegExp) => Promise<void>;
  readonly stopReading: () => void;
  readonly interrupt: (signal?: NodeJS.Signals) => void;
  readonly ended: Promise<Said>;
}

export function startProgram(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [...nodeFlags, program, ...args], {
    cwd: folder,
    env: environmentOf(environment),
  });
  alive.add(child);
  child.on("close", () => alive.delete(child));
  let out = "";
  let error = "";
  const waiting = new Set<() => void>();
  const heard = (): void => waiting.forEach((look) => look());
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    error += text;
    heard();
  });
  const ended = new Promise<Said>((resolve) => {
    child.on("close", (code, signal) => {
      resolve({ code: code ?? (signal === "SIGINT" ? 130 : 1), out, error });
      heard();
    });
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  return {
    says: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const said = out + error;
          const found = typeof words === "string" ? said.includes(words) : words.test(said);
          if (!found && !over) return;
          waiting.delete(look);
          if (found) resolve();
          else reject(new Error(`It ended without saying ${String(words)}:\n${said}`));
        };
        waiting.add(look);
        void ended.then(() => setImmediate(look));
        look();
      }),
    stopReading: () => void child.stdout.destroy(),
    interrupt: (signal = "SIGINT") => void child.kill(signal),
    ended,
  };
}
