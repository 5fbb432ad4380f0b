/** The World of a real process: its clocks, timers, event loop and ids. The one place where these globals are used. */
import type { World } from "./kernel/world.ts";

const resolved = Promise.resolve();

/** @param report told of faults that belong to no run. Default: one line on standard error. */
export function realWorld(report: (error: unknown) => void = reportToStderr): World {
  return {
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    timer: (delayMs, fn, background) => {
      const timer = setTimeout(fn, delayMs);
      if (background === true) timer.unref();
      return () => clearTimeout(timer);
    },
    // A tick queued from a microtask runs when the microtask queue is empty (measured in docs/decisions/0002).
    drain: (fn) => void resolved.then(() => process.nextTick(fn)),
    yield: (fn) => void setImmediate(fn),
    id: timeOrderedId,
    random: Math.random,
    exit: (reason) => {
      process.stderr.write(`concertato: ${reason}\n`);
      process.exit(70);
    },
    report,
  };
}

/**
 * Milliseconds, then 96 random bits, in base 36: ids made one after the other sort so, which keeps a database's index of
 * them compact (every insert goes to its end).
 */
function timeOrderedId(): string {
  return Date.now().toString(36).padStart(9, "0") + randomWord() + randomWord() + randomWord();
}

/** Random words are drawn from the system a page at a time: one call for each id would cost more than the rest of a start. */
const words = new Uint32Array(1_024);
let nextWord = words.length;

function randomWord(): string {
  if (nextWord === words.length) {
    crypto.getRandomValues(words);
    nextWord = 0;
  }
  return (words[nextWord++] ?? 0).toString(36).padStart(7, "0");
}

function reportToStderr(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`concertato: ${text}\n`);
}
