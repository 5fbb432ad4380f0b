/**
 * Where the CLI writes, and what the terminal can show: colours (Node honours NO_COLOR and FORCE_COLOR), Unicode or
 * ASCII marks, width. Results go to standard output, everything else to standard error.
 */
import { styleText } from "node:util";

export type Tone = "plain" | "strong" | "quiet" | "good" | "wait" | "bad" | "accent";

export interface Marks {
  readonly done: string;
  readonly wait: string;
  readonly work: string;
  readonly bad: string;
  readonly stop: string;
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
  readonly paint: (tone: Tone, text: string) => string;
  readonly out: (line?: string) => void;
  readonly error: (line?: string) => void;
}

const unicode: Marks = {
  ...{ done: "✓", wait: "◔", work: "●", bad: "✗", stop: "■" },
  ...{ branch: "├─ ", lastBranch: "└─ ", trunk: "│  ", arrow: "→", ellipsis: "…" },
};
const ascii: Marks = {
  ...{ done: "+", wait: "?", work: "*", bad: "x", stop: "#" },
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

export function openDisplay(
  out: NodeJS.WriteStream,
  error: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Display {
  return {
    marks: speaksUnicode(environment, process.platform) ? unicode : ascii,
    width: out.isTTY === true ? out.columns : pipeWidth,
    paint: (tone, text) => (tone === "plain" ? text : styleText([...formats[tone]], text, { stream: out })),
    out: (line = "") => void out.write(`${line}\n`),
    error: (line = "") => void error.write(`${line}\n`),
  };
}

function speaksUnicode(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (environment["TERM"] === "dumb") return false;
  if (platform === "win32") return environment["WT_SESSION"] !== undefined || environment["TERM_PROGRAM"] !== undefined;
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return platform === "darwin" || /utf-?8/i.test(locale);
}
