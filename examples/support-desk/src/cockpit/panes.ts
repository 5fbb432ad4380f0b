/**
 * Draws the board: left, the agents with their current work; right, what they hand to each other; below, the question that
 * is open and the totals. Pure: a board and a size make exactly that many lines, none wider than the terminal.
 */
import { euros } from "../money.ts";
import type { Sentence } from "../views/sentences.ts";
import { orderOf } from "../views/summary.ts";
import { type Marks, type Terminal, toMarks, type Tone } from "../views/terminal.ts";
import type { Board, Doing, HandOff, Seat } from "./board.ts";
import { charactersOf, columnsOf, fitted, harmless, wrapped } from "./text-width.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What surrounds the board. */
export interface Frame {
  readonly size: Size;
  /** Process id of the worker; undefined while there is none. */
  readonly worker: number | undefined;
  readonly elapsedMs: number;
  /** What is being typed, and for what. */
  readonly typing: { readonly prompt: string; readonly text: string } | undefined;
}

type Painter = Pick<Terminal, "paint" | "marks">;
/** A text in one tone. */
type Run = readonly [Tone, string];
type Line = readonly Run[];

/** Below this there is no room for two panes. */
const leastForTwo = 70;

/** The whole screen, painted. */
export function drawPanes(board: Board, frame: Frame, { paint, marks }: Painter): readonly string[] {
  const { columns, rows } = frame.size;
  const head = headLines(board, frame, marks);
  const foot = footLines(board, frame, marks);
  const room = Math.max(0, rows - head.length - foot.length - 1);
  const body = bodyLines(board, { columns, rows: room }, marks);
  const lines = [...head, ...body, rule(columns, marks), ...foot].slice(0, rows);
  while (lines.length < rows) lines.push([]);
  return lines.map((line) => painted(clipped(line, columns, marks), paint));
}

function headLines({ facts }: Board, { worker, size: { columns } }: Frame, marks: Marks): Line[] {
  const inbox = facts.find(([name]) => name === "inbox")?.[1] ?? "opening";
  const process: Run = worker === undefined ? ["wait", "starting"] : ["quiet", `worker ${worker}`];
  const title = "Larkfield support desk";
  const room = columns - columnsOf(title) - columnsOf(process[1]) - 7;
  const about = room < 8 ? "" : fitted(` ${marks.dot} ${toMarks(inbox, marks)}`, room + 3, marks.ellipsis);
  const gap = Math.max(1, columns - 2 - columnsOf(title) - columnsOf(about) - columnsOf(process[1]));
  return [[["strong", ` ${title}`], ["quiet", about], ["plain", " ".repeat(gap)], process]];
}

function bodyLines(board: Board, size: Size, marks: Marks): Line[] {
  if (size.rows <= 0) return [];
  if (size.columns < leastForTwo)
    return [titled("Hand-offs", size.columns, marks), ...handOffLines(board, { ...size, rows: size.rows - 1 }, marks)];
  const left = Math.min(48, Math.max(34, Math.floor(size.columns * 0.34)));
  const right = size.columns - left - 1;
  const agents = agentLines(board, { columns: left, rows: size.rows - 1 }, marks);
  const talk = handOffLines(board, { columns: right, rows: size.rows - 1 }, marks);
  const lines: Line[] = [
    [...titled("Agents", left, marks), ["quiet", marks.tee], ...titled("Hand-offs", right, marks)],
  ];
  for (let row = 0; row < size.rows - 1; row++)
    lines.push([...filled(agents[row] ?? [], left, marks), ["quiet", marks.bar], ...(talk[row] ?? [])]);
  return lines;
}

const doingMark: Readonly<Record<Doing, readonly [Tone, keyof Pick<Marks, "busy" | "wait" | "bad" | "dot">]>> = {
  working: ["accent", "busy"],
  waiting: ["wait", "wait"],
  interrupted: ["bad", "bad"],
  fault: ["bad", "bad"],
  idle: ["quiet", "dot"],
};

/** Those that have had work, in their order; where they do not fit, those at rest give way, the lesser tools first. */
function agentLines(board: Board, { columns, rows }: Size, marks: Marks): Line[] {
  const active = board.seats().filter(({ done, doing }) => done > 0 || doing !== "idle");
  const shown = active.length <= rows ? active : keepBusiest(active, rows - 1);
  const lines = shown.map((seat) => agentLine(seat, columns, marks));
  const more = active.length - shown.length;
  return more === 0 ? lines : [...lines, [["quiet", ` and ${more} more at rest`]]];
}

function keepBusiest(seats: readonly Seat[], most: number): readonly Seat[] {
  const weight = ({ doing, done, known }: Seat): number =>
    (doing === "idle" ? 0 : 1e12) + (known ? 1e9 : 0) + Math.min(done, 1e6);
  const kept = new Set(seats.toSorted((a, b) => weight(b) - weight(a)).slice(0, most));
  return seats.filter((seat) => kept.has(seat));
}

function agentLine({ agent, doing, about, others, done }: Seat, columns: number, marks: Marks): Line {
  const [tone, mark] = doingMark[doing];
  const count = `${done}`.padStart(4);
  const more = others === 0 ? "" : ` +${others}`;
  const name = 17;
  const room = columns - name - 3 - columnsOf(more) - columnsOf(count) - 1;
  return [
    [tone, ` ${marks[mark]} `],
    [doing === "idle" ? "plain" : "strong", fitted(agent, name, marks.ellipsis)],
    [doing === "idle" ? "quiet" : tone, fitted(shortened(harmless(about), room), Math.max(0, room), marks.ellipsis)],
    ["quiet", more],
    ["quiet", `${count} `],
  ];
}

/** Where a name does not fit, the message's id says enough. */
function shortened(about: string, room: number): string {
  return columnsOf(about) <= room ? about : (about.split(" ", 1)[0] ?? about);
}

/** The latest at the bottom, each as a sentence: who hands what to whom, for which message. */
function handOffLines({ handOffs }: Board, { columns, rows }: Size, marks: Marks): Line[] {
  const lines: Line[] = [];
  for (const each of handOffs.toReversed()) {
    if (lines.length >= rows) break;
    lines.unshift(...handOffLine(each, columns, marks));
  }
  const shown = lines.slice(-rows);
  while (shown.length < rows) shown.push([]);
  return shown;
}

function handOffLine({ id, sentence }: HandOff, columns: number, marks: Marks): Line[] {
  const indent = 9;
  const [from, said] = saidBy(sentence, marks);
  const [first = "", ...rest] = wrapped(`${from} ${said}`, columns - indent - 2);
  const head = fitted(` ${harmless(id)}`, indent, marks.ellipsis);
  const split = first.startsWith(from) ? from.length : 0;
  return [
    [
      ["quiet", head],
      ["strong", first.slice(0, split)],
      [sentence.tone, first.slice(split)],
    ],
    ...rest.map(
      (line): Line => [
        ["plain", " ".repeat(indent)],
        [sentence.tone, line],
      ],
    ),
  ];
}

/** "fees → validator:" and what it says; the arrow that a sentence begins with says the same and is left out. */
function saidBy({ agent, to, text, event }: Sentence, marks: Marks): readonly [string, string] {
  const said = harmless(toMarks(text, marks));
  const arrow = `${marks.arrow} ${to}: `;
  const plain = said.startsWith(arrow) ? said.slice(arrow.length) : said;
  if (event === "take-over") {
    const [who = "", why = ""] = plain.split(", which takes over: ");
    return [`${who}:`, `takes over, ${why}`];
  }
  if (event === "question") return [`${agent}:`, `${plain} ${marks.arrow} waits for you`];
  const who = event === "void" ? "refund" : agent;
  return [to === undefined ? `${who}:` : `${who} ${marks.arrow} ${to}:`, plain];
}

function footLines(board: Board, frame: Frame, marks: Marks): Line[] {
  const { columns } = frame.size;
  return [
    ...noticeLines(board, columns, marks),
    ...questionLines(board, columns, marks),
    ...typingLines(frame, marks),
    keyLine(board, frame, marks),
    ...totalLines(board, frame, marks),
  ];
}

function noticeLines({ notice }: Board, columns: number, marks: Marks): Line[] {
  if (notice === "") return [];
  return wrapped(harmless(toMarks(notice, marks)), columns - 2).map((text): Line => [["accent", ` ${text}`]]);
}

function questionLines({ question }: Board, columns: number, marks: Marks): Line[] {
  if (question === null) return [];
  const { wait } = question;
  const order = orderOf(wait);
  const text =
    order === undefined
      ? `The ${wait.agent} is asked: ${JSON.stringify(wait.request)}`
      : `The ${wait.agent} is asked: pay ${euros(order.amountCents)} to ${order.customerName} (${order.customerId}) for ${order.merchant}, payment ${order.paymentId}. ${order.reason}.`;
  return wrapped(harmless(toMarks(text, marks)), columns - 4).map(
    (line, index): Line => [
      ["wait", index === 0 ? ` ${marks.wait} ` : "   "],
      ["wait", line],
    ],
  );
}

function typingLines({ typing, size: { columns } }: Frame, marks: Marks): Line[] {
  if (typing === undefined) return [];
  const room = columns - columnsOf(typing.prompt) - 4;
  const characters = charactersOf(harmless(typing.text));
  while (columnsOf(characters.join("")) > room) characters.shift();
  return [
    [
      ["strong", ` ${typing.prompt} `],
      ["plain", `${characters.join("")}${marks.caret}`],
    ],
  ];
}

function keyLine({ question, rested }: Board, { typing }: Frame, marks: Marks): Line {
  const keys: readonly (readonly [string, string])[] =
    typing === undefined
      ? [
          ...(question === null
            ? []
            : ([
                ["y", "yes"],
                ["n", "no"],
                ["l", "later"],
              ] as const)),
          ["K", "kill worker"],
          ["t", "message"],
          ...(rested === null ? [] : ([["o", "report"]] as const)),
          ["q", "leave"],
        ]
      : [
          ["Enter", "send"],
          ["Esc", "give up"],
        ];
  return keys.flatMap(([key, what], index): Run[] => [
    ["plain", " "],
    ["strong", key],
    ["quiet", ` ${what}${index === keys.length - 1 ? "" : ` ${marks.dot}`}`],
  ]);
}

/** In as few lines as they fit. */
function totalLines(board: Board, { elapsedMs, size: { columns } }: Frame, marks: Marks): Line[] {
  const { counts, ledger, lost, usd } = board;
  const parts: readonly Run[] = [
    ["strong", `${board.done}/${board.messages} messages`],
    ["plain", `${board.agents} agents`],
    ["plain", many(counts.handOffs, "hand-off")],
    ["plain", many(counts.rejections, "rejection")],
    ["plain", many(counts.takeovers, "take-over")],
    ["plain", many(counts.disagreements, "disagreement")],
    ["plain", many(counts.waits, "wait")],
    ["plain", usd === null ? "cost unknown" : `${usd.toFixed(2)} USD`],
    ["plain", durationText(elapsedMs)],
    [
      lost !== undefined && lost + ledger.repeated > 0 ? "bad" : "good",
      `killed ${board.killed}, lost ${lost ?? "?"}, repeated ${ledger.repeated}`,
    ],
  ];
  const between = ` ${marks.dot} `;
  const lines: Run[][] = [[]];
  let used = 0;
  for (const part of parts) {
    const width = columnsOf(part[1]) + (used === 0 ? 1 : between.length);
    if (used > 0 && used + width > columns) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1)?.push(["quiet", used === 0 ? " " : between], part);
    used += used === 0 ? columnsOf(part[1]) + 1 : width;
  }
  return lines;
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function rule(columns: number, marks: Marks): Line {
  return [["quiet", marks.rule.repeat(columns)]];
}

function titled(title: string, columns: number, marks: Marks): Line {
  const rest = Math.max(0, columns - columnsOf(title) - 3);
  return [
    ["quiet", `${marks.rule} `],
    ["strong", title],
    ["quiet", ` ${marks.rule.repeat(rest)}`],
  ];
}

/** A line of exactly so many columns. */
function filled(line: Line, columns: number, marks: Marks): Line {
  const cut = clipped(line, columns, marks);
  const used = cut.reduce((sum, [, text]) => sum + columnsOf(text), 0);
  return [...cut, ["plain", " ".repeat(columns - used)]];
}

function clipped(line: Line, columns: number, marks: Marks): Line {
  const runs: Run[] = [];
  let left = columns;
  for (const [tone, text] of line) {
    if (left <= 0) break;
    const width = columnsOf(text);
    runs.push([tone, width <= left ? text : fitted(text, left, marks.ellipsis)]);
    left -= width;
  }
  return runs;
}

function painted(line: Line, paint: Terminal["paint"]): string {
  return line.map(([tone, text]) => (text === "" ? "" : paint(tone, text))).join("");
}
