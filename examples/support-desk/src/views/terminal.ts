/**
 * What the terminal can show: colours (NO_COLOR and FORCE_COLOR are honoured by Node), Unicode or ASCII marks, width,
 * and whether a person sits at it. It writes lines; it never moves the cursor, so output can be piped and kept.
 */
import { styleText } from "node:util";

export type Tone = "plain" | "strong" | "quiet" | "good" | "wait" | "bad" | "accent";

export interface Marks {
  readonly arrow: string;
  readonly done: string;
  readonly wait: string;
  readonly bad: string;
  readonly dot: string;
  readonly rule: string;
  readonly ellipsis: string;
  readonly busy: string;
  readonly bar: string;
  readonly tee: string;
  readonly caret: string;
}

export interface Terminal {
  /** A person can be asked. */
  readonly interactive: boolean;
  /** Columns; lines are wrapped to this. */
  readonly width: number;
  readonly marks: Marks;
  readonly paint: (tone: Tone, text: string) => string;
  readonly line: (text?: string) => void;
}

const unicode: Marks = {
  arrow: "→",
  done: "✓",
  wait: "◔",
  bad: "✗",
  dot: "·",
  rule: "─",
  ellipsis: "…",
  busy: "●",
  bar: "│",
  tee: "┬",
  caret: "▌",
};
const ascii: Marks = {
  arrow: "->",
  done: "+",
  wait: "?",
  bad: "x",
  dot: "-",
  rule: "-",
  ellipsis: "...",
  busy: "*",
  bar: "|",
  tee: "+",
  caret: "_",
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

const widest = 140;
const usual = 100;

/** The terminal of this process. */
export function openTerminal({
  asciiOnly = false,
  stream = process.stdout,
}: {
  readonly asciiOnly?: boolean;
  readonly stream?: NodeJS.WriteStream;
} = {}): Terminal {
  return {
    interactive: process.stdin.isTTY === true && stream.isTTY === true && process.env["TERM"] !== "dumb",
    width: Math.min(stream.isTTY === true ? stream.columns : usual, widest),
    marks: !asciiOnly && speaksUnicode(process.env, process.platform) ? unicode : ascii,
    paint: (tone, text) => (tone === "plain" ? text : styleText([...formats[tone]], text, { stream })),
    line: (text = "") => void stream.write(`${text}\n`),
  };
}

/** A terminal that shows nothing and asks nobody, for --quiet and --json. */
export function silent(terminal: Terminal): Terminal {
  return { ...terminal, interactive: false, line: () => undefined };
}

/** Words in lines of at most this many columns; a longer word gets a line of its own. */
export function wrapWords(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Everything outside ASCII as its nearest likeness, for terminals that cannot show it. */
export function toMarks(text: string, marks: Marks): string {
  if (marks === unicode) return text;
  return (
    text
      .replaceAll("“", '"')
      .replaceAll("”", '"')
      .replaceAll("·", marks.dot)
      .replaceAll("→", marks.arrow)
      .replaceAll("…", marks.ellipsis)
      .normalize("NFKD")
      .replaceAll(/\p{Mark}/gu, "")
      // oxlint-disable-next-line no-control-regex -- everything that ASCII has not
      .replaceAll(/[^\x00-\x7f]/g, "?")
  );
}

function speaksUnicode(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (environment["TERM"] === "dumb") return false;
  if (platform === "win32") return environment["WT_SESSION"] !== undefined || environment["TERM_PROGRAM"] !== undefined;
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return platform === "darwin" || /utf-?8/i.test(locale);
}
