/** Tells while a storm goes on how far it is: one line that changes on a terminal, one a minute in a file. */
import type { StormSummary, Tally } from "./storm.ts";

/** When a storm will be over. */
interface Goal {
  readonly seeds: number;
  readonly seconds: number;
}

/** The present rate is that of the last so many seconds. */
const windowSeconds = 30;

/** How often it is told, in seconds. */
const terminalEvery = 1;
const fileEvery = 60;

export class StormProgress {
  readonly #tally: Tally;
  readonly #goal: Goal;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  /** Seeds after each of the last seconds. */
  readonly #marks: number[] = [0];
  #seconds = 0;

  constructor(tally: Tally, goal: Goal) {
    this.#tally = tally;
    this.#goal = goal;
    this.#timer = setInterval(() => this.#tick(), 1_000);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (process.stdout.isTTY) process.stdout.write("\r\x1b[2K");
  }

  #tick(): void {
    this.#marks.push(this.#tally.seeds);
    if (this.#marks.length > windowSeconds + 1) this.#marks.shift();
    if (++this.#seconds % (process.stdout.isTTY ? terminalEvery : fileEvery) !== 0) return;
    const line = progressText(this.#tally, this.#rate(), this.#left());
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[2K  ${line}` : `${line}\n`);
  }

  #rate(): number {
    const first = this.#marks[0] ?? 0;
    return (this.#tally.seeds - first) / Math.max(1, this.#marks.length - 1);
  }

  /** Seconds, by what ends it first. */
  #left(): number {
    const { seeds, seconds } = this.#goal;
    const bySeeds = (seeds - this.#tally.seeds) / this.#rate();
    return Math.max(0, Math.min(bySeeds, seconds - (performance.now() - this.#startedAt) / 1_000));
  }
}

/** One line: what was run, how fast it goes at present, how long it will take. */
export function progressText({ seeds, events, crashes, failures, died }: Tally, rate: number, left: number): string {
  const counts = `${count(seeds)} seeds  ${count(events)} events  ${count(crashes)} crashes  ${failures.length} failures`;
  const deaths = died === 0 ? "" : `  ${workers(died)} died`;
  return `${counts}${deaths}  ${Math.round(rate)}/s  ${duration(left)} left`;
}

/** What a storm has come to. */
export function summaryText(total: StormSummary, kept: number): string {
  const { seeds, events, crashes, failures, died, replaced, seconds, seedsPerSecond } = total;
  const changes = [
    ...(died === 0 ? [] : [`${workers(died)} died and replaced`]),
    ...(replaced === 0 ? [] : [`${workers(replaced)} grown and replaced`]),
  ];
  return [
    `${count(seeds)} seeds (${kept} of them kept ones)`,
    `${count(events)} events`,
    `${count(crashes)} crashes`,
    `${failures} failures`,
    ...changes,
    `${seconds} s`,
    `${seedsPerSecond} seeds/s`,
  ].join(", ");
}

function workers(number: number): string {
  return number === 1 ? "1 worker" : `${count(number)} workers`;
}

function count(number: number): string {
  return number.toLocaleString("en");
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "a while";
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
