/** The desk at a terminal: what the panes show, and the whole thing at a real pseudo terminal, killed and resumed. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Board } from "../src/cockpit/board.ts";
import { drawPanes } from "../src/cockpit/panes.ts";
import type { Heard } from "../src/cockpit/protocol.ts";
import { columnsOf, fitted, harmless, wrapped } from "../src/cockpit/text-width.ts";
import { openTerminal } from "../src/views/terminal.ts";
import { booksOf, receiversOf, stopMailServer } from "./processes.ts";
import { hasPseudoTerminal, startAtTerminal } from "./pseudo-terminal.ts";

const unpainted = (_tone: string, text: string): string => text;
const unicode = { ...openTerminal(), marks: marksOf("C.UTF-8"), paint: unpainted };
const plain = { ...openTerminal({ asciiOnly: true }), paint: unpainted };

function marksOf(locale: string) {
  const before = process.env["LC_ALL"];
  process.env["LC_ALL"] = locale;
  const { marks } = openTerminal();
  if (before === undefined) delete process.env["LC_ALL"];
  else process.env["LC_ALL"] = before;
  return marks;
}

const heard = (id: string, seq: number, change: Partial<Heard> = {}): Heard => ({
  ...{ id, name: "Größe 日本語 Meier", seq, last: false },
  ...change,
});

/** A board with work, a question and a stranger's words that would move the cursor. */
function busyBoard(): Board {
  const board = new Board();
  board.hear({ kind: "opened", facts: [["inbox", "inbox/messages.jsonl, JSON lines"]] });
  for (let n = 1; n <= 30; n++) {
    board.hear({ kind: "found", id: `m-${n}`, entries: 0, ended: false });
    const told = {
      agent: "payments",
      to: "validator",
      tone: "plain" as const,
      text: "\x1b[2Jéin long sentence ".repeat(5),
    };
    board.hear({ kind: "heard", entries: [heard(`m-${n}`, 1, { begins: "payments" }), heard(`m-${n}`, 2, { told })] });
  }
  const request = {
    action: "refund",
    arguments: {
      ...{ customerId: "c-1", customerName: "Mira Holt", paymentId: "p-1", merchant: "Bramble Books" },
      ...{ amountCents: 8400, creditedCents: 0, paidAt: "2026-03-03T16:14:00Z", reason: "Charged twice" },
    },
  };
  const wait = { kind: "question" as const, waitId: "0.1", agent: "manager", request };
  board.hear({ kind: "asked", question: { runId: "run", wait } });
  return board;
}

test.each([
  [80, 24],
  [120, 40],
  [200, 50],
  [40, 12],
  [20, 4],
])("at %i x %i the panes fill the screen exactly and nothing is wider", (columns, rows) => {
  for (const terminal of [unicode, plain]) {
    const typing = { prompt: "Your message:", text: "a long message ".repeat(30) };
    const frame = { size: { columns, rows }, worker: 4711, elapsedMs: 61_000, typing };
    const lines = drawPanes(busyBoard(), frame, terminal);
    expect(lines).toHaveLength(rows);
    expect(lines.filter((line) => columnsOf(line) > columns)).toEqual([]);
    // oxlint-disable-next-line no-control-regex -- what must not be there
    expect(lines.filter((line) => /[\x00-\x1f]/.test(line))).toEqual([]);
  }
});

test("without Unicode there is nothing but ASCII on the screen", () => {
  const frame = { size: { columns: 120, rows: 40 }, worker: 1, elapsedMs: 0, typing: undefined };
  const lines = drawPanes(busyBoard(), frame, plain);
  // oxlint-disable-next-line no-control-regex -- all that ASCII has
  expect(lines.filter((line) => !/^[\x20-\x7e]*$/.test(line))).toEqual([]);
});

test("the question is shown with everything that it is bound to, and its keys", () => {
  const frame = { size: { columns: 160, rows: 30 }, worker: 1, elapsedMs: 0, typing: undefined };
  const screen = drawPanes(busyBoard(), frame, unicode).join("\n");
  expect(screen).toContain("pay 84.00 EUR to Mira Holt (c-1) for Bramble Books, payment p-1");
  expect(screen).toContain("y yes");
});

test("what a new worker tells again counts once, and what is not in the journal any more is lost", () => {
  const board = new Board();
  const told = { agent: "ticket", to: "people", tone: "plain" as const, text: "opened ticket 1" };
  const tell = (): void => {
    board.hear({ kind: "heard", entries: [heard("m-1", 7, { begins: "payments", told }), heard("m-2", 3)] });
  };
  tell();
  expect(board.lost).toBe(0);
  board.interrupt(true);
  expect(board.seats().find(({ agent }) => agent === "payments")?.doing).toBe("interrupted");
  expect(board).toMatchObject({ killed: 1, lost: undefined });
  board.hear({ kind: "found", id: "m-1", entries: 7, ended: false });
  board.hear({ kind: "found", id: "m-2", entries: 1, ended: false });
  tell();
  expect(board.counts.handOffs).toBe(1);
  expect(board.lost).toBe(2);
});

test("texts are measured, cut and broken by columns", () => {
  expect(columnsOf("日本 é")).toBe(6);
  expect(fitted("abcdef", 4, "…")).toBe("abc…");
  expect(fitted("日本語", 4, "…")).toBe("日… ");
  expect(wrapped("one two abcdefghij", 5)).toEqual(["one", "two", "abcde", "fghij"]);
  expect(harmless("a\x1b[2Jb\u202ec")).toBe("a [2Jb c");
});

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const eight = fileURLToPath(new URL("inboxes/eight.jsonl", import.meta.url));

if (!hasPseudoTerminal)
  console.warn("SKIPPED: there is no python3 with a pty here, so the desk is not tried at a terminal.");

test.skipIf(!hasPseudoTerminal)(
  "at a terminal the worker is killed and goes on, a typed message is worked on, an approval is given, and the screen is left as it was",
  { timeout: 400_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "desk-terminal-"));
    const data = join(folder, "data");
    const opened = join(folder, "opened.txt");
    writeFileSync(join(folder, "xdg-open"), `#!/bin/sh\necho "$1" > ${opened}\n`);
    chmodSync(join(folder, "xdg-open"), 0o755);
    const environment = {
      ...process.env,
      ...{ TERM: "xterm-256color", LC_ALL: "C.UTF-8", PATH: `${folder}:${process.env["PATH"]}` },
    };
    const flags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];
    const args = ["--data", data, "--inbox", eight, "--routing", "keywords", "--fresh"];
    using terminal = startAtTerminal([process.execPath, ...flags, program, ...args], [100, 30], environment);

    await terminal.shows(/[1-7]\/8 messages/);
    terminal.press("K");
    await terminal.shows("killed 1, lost 0, repeated 0");
    await terminal.shows("7/8 messages");
    await terminal.shows("pay 84.00 EUR to Mira Holt");

    terminal.press("t");
    await terminal.shows("Your message:");
    terminal.press("I was charged twice at Corner Market, please refund one.\r");
    await terminal.shows("8/9 messages");
    terminal.resize(80, 24);
    await terminal.shows("pay 84.00 EUR to Mira Holt");
    expect(terminal.screen()).toHaveLength(24);
    terminal.press("yes\r");
    await terminal.shows("9/9 messages");

    await terminal.shows("o report");
    terminal.press("o");
    await terminal.shows("The report:");
    await expect.poll(() => existsSync(opened), { timeout: 20_000 }).toBe(true);
    expect(readFileSync(opened, "utf8").trim()).toBe(join(data, "report.html"));

    terminal.press("q");
    expect(await terminal.ended).toBe(0);
    expect(terminal.written()).toContain("\x1b[?25h\x1b[?1049l");
    expect(terminal.screen().join("\n")).toContain("All answered.");
    expect(booksOf(data)).toMatchObject({ refunds: 3, paidTwice: 0, repeatedRefundCalls: 0 });
    expect(receiversOf(data)).toHaveLength(9);
    await stopMailServer(data);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  },
);

test.skipIf(!hasPseudoTerminal)(
  "a cockpit that breaks leaves the terminal as it was, with the fault below",
  { timeout: 60_000 },
  async () => {
    const screen = new URL("../src/cockpit/screen.ts", import.meta.url).href;
    const breaks = `
      const { openScreen } = await import(${JSON.stringify(screen)});
      const { stdin: input, stdout: output } = process;
      openScreen({ input, output, onKeys: () => { throw new Error("broke in the middle") }, onResize: () => {} }).show(["at work"]);
    `;
    using terminal = startAtTerminal([process.execPath, "--input-type=module", "-e", breaks], [80, 24], {
      ...process.env,
      TERM: "xterm-256color",
    });
    await terminal.shows("at work");
    terminal.press("x");
    expect(await terminal.ended).toBe(1);
    const written = terminal.written();
    expect(written.slice(written.indexOf("\x1b[?1049h"))).toContain("\x1b[?25h\x1b[?1049l");
    expect(terminal.screen().join("\n")).not.toContain("at work");
    expect(written).toContain("broke in the middle");
  },
);
