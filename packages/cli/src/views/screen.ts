/**
 * A view that is drawn again and again in one place: on the terminal's other screen, each frame in one write, so that it
 * does not flicker. What was on the terminal before is there again when it is disposed of.
 */
import type { Display } from "./display.ts";

const csi = "\u001b[";

export class Screen implements Disposable {
  readonly #display: Display;

  constructor(display: Display) {
    this.#display = display;
    display.piece("out", `${csi}?1049h${csi}?25l`);
  }

  /** Draws lines; those that do not fit below each other are left out. */
  show(lines: readonly string[]): void {
    const shown = lines.slice(0, (this.#display.height ?? 24) - 1);
    const frame = shown.map((line) => `${line}${csi}K\n`).join("");
    this.#display.piece("out", `${csi}?2026h${csi}H${frame}${csi}J${csi}?2026l`);
  }

  [Symbol.dispose](): void {
    this.#display.piece("out", `${csi}?25h${csi}?1049l`);
  }
}
