/**
 * Runs a program at a real pseudo terminal, presses keys and reads its screen. The terminal is Python's `pty`; the screen
 * is kept by a small emulator that knows the sequences the desk writes and fails on any other.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { until } from "./until.ts";

/** Where there is no Python there is no pseudo terminal to test at. */
export const hasPseudoTerminal = spawnSync("python3", ["-c", "import pty"]).status === 0;

const host = `
import fcntl, json, os, pty, select, struct, sys, termios
size = lambda fd, c, r: fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", r, c, 0, 0))
columns, rows = int(sys.argv[1]), int(sys.argv[2])
pid, fd = pty.fork()
if pid == 0:
    size(0, columns, rows)
    os.execvp(sys.argv[3], sys.argv[3:])
told = b""
while True:
    ready = select.select([fd, 0], [], [])[0]
    if 0 in ready:
        told += os.read(0, 65536)
        while b"\\n" in told:
            line, told = told.split(b"\\n", 1)
            word = json.loads(line)
            if "keys" in word: os.write(fd, word["keys"].encode())
            if "size" in word: size(fd, *word["size"])
    if fd in ready:
        try: piece = os.read(fd, 65536)
        except OSError: piece = b""
        if not piece: break
        os.write(1, piece)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
`;

export interface PseudoTerminal extends Disposable {
  readonly press: (keys: string) => void;
  readonly resize: (columns: number, rows: number) => void;
  /** The lines on the screen now. */
  readonly screen: () => readonly string[];
  /** Everything written so far, with its sequences. */
  readonly written: () => string;
  readonly shows: (what: string | RegExp) => Promise<void>;
  readonly ended: Promise<number>;
}

export function startAtTerminal(
  command: readonly string[],
  size: readonly [columns: number, rows: number],
  environment: NodeJS.ProcessEnv,
): PseudoTerminal {
  const child = spawn("python3", ["-c", host, String(size[0]), String(size[1]), ...command], {
    stdio: ["pipe", "pipe", "inherit"],
    env: environment,
  });
  const emulator = new Emulator(...size);
  let written = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    written += text;
    emulator.write(text);
  });
  const tell = (word: object): void => void child.stdin.write(`${JSON.stringify(word)}\n`);
  const contains = (what: string | RegExp): boolean => {
    const text = emulator.lines().join("\n");
    return typeof what === "string" ? text.includes(what) : what.test(text);
  };
  return {
    press: (keys) => tell({ keys }),
    resize: (columns, rows) => {
      emulator.resize(columns, rows);
      tell({ size: [columns, rows] });
    },
    screen: () => emulator.lines(),
    written: () => written,
    shows: (what) =>
      until(`the screen shows ${what}`, () => contains(what), 120_000).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${emulator.lines().join("\n")}`, { cause: error });
      }),
    ended: endOf(child),
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => child.once("close", (code) => resolve(code ?? -1)));
}

/** Two pages, a cursor, erasing: what a terminal does with what the desk writes. */
class Emulator {
  #columns: number;
  #rows: number;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  #rest = "";

  constructor(columns: number, rows: number) {
    [this.#columns, this.#rows] = [columns, rows];
    this.#clear();
  }

  lines(): readonly string[] {
    return this.#cells.map((row) => row.join("").trimEnd());
  }

  resize(columns: number, rows: number): void {
    [this.#columns, this.#rows] = [columns, rows];
    this.#clear();
  }

  write(text: string): void {
    const all = this.#rest + text;
    let at = 0;
    while (at < all.length) {
      // oxlint-disable-next-line no-control-regex -- what terminals are told
      const sequence = /^\x1b\[([?\d;]*)([A-Za-z])/.exec(all.slice(at, at + 24));
      if (sequence !== null) {
        this.#obey(sequence[1] ?? "", sequence[2] ?? "");
        at += sequence[0].length;
      } else if (all[at] === "\x1b") {
        // The end of it has not come yet.
        if (all.length - at < 24) break;
        throw new Error(`Unknown sequence ${JSON.stringify(all.slice(at, at + 24))}`);
      } else this.#put(all[at++] ?? "");
    }
    this.#rest = all.slice(at);
  }

  #obey(parameters: string, command: string): void {
    const [first = 1, second = 1] = parameters.split(";").map(Number);
    if (command === "H") [this.#row, this.#column] = parameters === "" ? [0, 0] : [first - 1, second - 1];
    else if (command === "J") this.#clear();
    else if (command === "K") this.#cells[this.#row]?.fill(" ");
    else if (command === "h" || command === "l") {
      if (parameters === "?1049") this.#clear();
    } else if (command !== "m") throw new Error(`Unknown sequence ${parameters}${command}`);
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") {
      if (++this.#row >= this.#rows) {
        this.#row = this.#rows - 1;
        this.#cells.shift();
        this.#cells.push(Array.from({ length: this.#columns }, () => " "));
      }
    } else {
      const row = this.#cells[this.#row];
      if (row !== undefined && this.#column < this.#columns) row[this.#column] = character;
      this.#column++;
    }
  }

  #clear(): void {
    this.#cells = Array.from({ length: this.#rows }, () => Array.from({ length: this.#columns }, () => " "));
    [this.#row, this.#column] = [0, 0];
  }
}
