/**
 * Where the CLI writes, and what the terminal can show: colours (Node honours NO_COLOR and FORCE_COLOR), Unicode or
 * ASCII marks, size. Results go to standard output, everything else to standard error.
 */
import { styleText } from "node:util";

export type Tone = "plain" | "strong" | "quiet" | "good" | "wait" | "bad" | "accent";

export interface Marks {
  readonly done: string;
  readonly wait: string;
  readonly work: string;
  readonly bad: string;
  readonly stop: string;
  readonly dot: string;
  readonly branch: string;
  readonly lastBranch: string;
  readonly trunk: string;
  readonly arrow: string;
  readonly ellipsis: string;
}

export interface Display {
  readonly marks: Marks;
  /** Columns of a line; values that do not fit are shortened. */
  readonly width: number;
  /** Lines of the terminal; null where the output goes into a pipe or a file. */
  readonly height: number | null;
  /** Somebody looks at standard error while it is written. */
  readonly watched: boolean;
  readonly paint: (tone: Tone, text: string) => string;
  /** A line of the result. */
  readonly out: (line?: string) => void;
  /** A line beside the result: progress, hints, errors. */
  readonly error: (line?: string) => void;
  /** Part of a line, as it comes. */
  readonly piece: (to: "out" | "error", text: string) => void;
}

const unicode: Marks = {
  ...{ done: "✓", wait: "◔", work: "●", bad: "✗", stop: "■", dot: "·" },
  ...{ branch: "├─ ", lastBranch: "└─ ", trunk: "│  ", arrow: "→", ellipsis: "…" },
};
const ascii: Marks = {
  ...{ done: "+", wait: "?", work: "*", bad: "x", stop: "#", dot: "-" },
  ...{ branch: "|- ", lastBranch: "`- ", trunk: "|  ", arrow: "->", ellipsis: "..." },
};

const formats = {
  plain: [],
  strong: ["bold"],
  quiet: ["dim"],
  good: ["green"],
  wait: ["yellow"],
  bad: ["red"],
  accent: ["cyan"],
} as const satisfies Record<Tone, readonly string[]>;

/** Width of a line that goes into a pipe or a file. */
const pipeWidth = 160;

/** @param colour false: none, whatever the terminal can show */
export function openDisplay(
  out: NodeJS.WriteStream,
  error: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
  colour = true,
): Display {
  return {
    marks: speaksUnicode(environment, process.platform) ? unicode : ascii,
    // Read anew each time: terminals change their size. One that says nothing of it has 0 columns.
    get width() {
      return out.isTTY === true && out.columns > 0 ? out.columns : pipeWidth;
    },
    get height() {
      return out.isTTY === true ? out.rows : null;
    },
    watched: error.isTTY === true,
    paint: (tone, text) => (tone === "plain" || !colour ? text : styleText([...formats[tone]], text, { stream: out })),
    out: (line = "") => void out.write(`${line}\n`),
    error: (line = "") => void error.write(`${line}\n`),
    piece: (to, text) => void (to === "out" ? out : error).write(text),
  };
}

function speaksUnicode(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (environment["TERM"] === "dumb") return false;
  if (platform === "win32") return environment["WT_SESSION"] !== undefined || environment["TERM_PROGRAM"] !== undefined;
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return platform === "darwin" || /utf-?8/i.test(locale);
}
