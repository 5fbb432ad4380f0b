/**
 * How much of a large inbox is told: of the first messages everything, of the others what needs a person, and every few
 * seconds how far the work is. Otherwise ten thousand messages would be a hundred thousand lines.
 */
import type { Sentence } from "./sentences.ts";
import type { Terminal } from "./terminal.ts";

export interface Progress extends Disposable {
  /** Whether this sentence is shown. */
  readonly shows: (messageId: string, sentence: Sentence) => boolean;
  /** One more record was handed in. */
  readonly took: () => void;
}

const toldWhole = 100;
const everyMs = 5000;

export function openProgress({ line, paint, marks }: Terminal): Progress {
  const whole = new Set<string>();
  let taken = 0;
  let ended = 0;
  let before = 0;
  const timer = setInterval(() => {
    if (taken <= toldWhole || ended === before) return;
    const perSecond = (1000 * (ended - before)) / everyMs;
    before = ended;
    const memory = Math.round(process.memoryUsage.rss() / 1024 / 1024);
    line(
      `  ${paint("quiet", `${marks.rule} ${taken} read, ${ended} answered, ${perSecond.toFixed(0)} a second, ${memory} MB`)}`,
    );
  }, everyMs).unref();
  return {
    shows: (messageId, { agent, tone }) => {
      if (agent === "send-mail" && tone === "good") ended++;
      if (whole.size < toldWhole) whole.add(messageId);
      return whole.has(messageId) || tone === "bad";
    },
    took: () => void taken++,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
