/**
 * The terminal as a screen: its other page, no cursor, keys one by one, and only the lines that changed are written, in one
 * piece, so that nothing flickers. However the process ends, short of being killed itself, the terminal is as it was.
 */
import { writeSync } from "node:fs";
import type { Size } from "./panes.ts";

const enter = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";
const leave = "\x1b[?2026l\x1b[0m\x1b[?25h\x1b[?1049l";

export interface Screen extends Disposable {
  readonly size: () => Size;
  readonly show: (lines: readonly string[]) => void;
}

export interface ScreenOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream & { readonly fd: number };
  /** Keys as they come: letters, or an escape sequence. */
  readonly onKeys: (keys: string) => void;
  readonly onResize: () => void;
}

export function openScreen({ input, output, onKeys, onResize }: ScreenOptions): Screen {
  let shown: readonly string[] = [];
  let open = true;
  const resized = (): void => {
    shown = [];
    output.write("\x1b[2J");
    onResize();
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    process.off("exit", close);
    output.off("resize", resized);
    input.off("data", onKeys);
    if (input.isTTY) input.setRawMode(false);
    input.pause();
    // At once: a process that ends by an error flushes nothing.
    writeAtOnce(output.fd, leave);
  };
  process.on("exit", close);
  output.on("resize", resized);
  input.setRawMode(true);
  input.setEncoding("utf8");
  input.on("data", onKeys);
  input.resume();
  output.write(enter);
  return {
    size: () => ({ columns: Math.max(20, output.columns), rows: Math.max(4, output.rows) }),
    show: (lines) => {
      if (!open) return;
      const changed = lines.flatMap((line, row) =>
        line === shown[row] ? [] : [`\x1b[${row + 1};1H\x1b[2K${line}\x1b[0m`],
      );
      shown = [...lines];
      if (changed.length > 0) output.write(`\x1b[?2026h${changed.join("")}\x1b[?2026l`);
    },
    [Symbol.dispose]: close,
  };
}

function writeAtOnce(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // The terminal itself is gone; there is nothing to restore.
  }
}
