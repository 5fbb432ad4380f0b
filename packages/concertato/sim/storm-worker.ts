/**
 * A process that runs blocks of seeds for a storm, one after the other, and says what came of each. It ends when the
 * process that started it is gone.
 */
import { simulate } from "./simulate.ts";

/** Seeds that follow each other. */
export interface Block {
  readonly from: number;
  readonly seeds: number;
  readonly generation: number;
  /** Tells of each seed before it begins: somebody wants to know at which one this process dies. */
  readonly careful: boolean;
}

/** A seed that broke a rule, or at which its process died. */
export interface Failure {
  readonly seed: number;
  readonly generation: number;
  readonly violations: readonly string[];
}

/** What a worker says: which seed comes next, in a careful block; what came of a block. */
export type Word =
  | { readonly kind: "begins"; readonly seed: number }
  | {
      readonly kind: "done";
      readonly events: number;
      readonly crashes: number;
      readonly failures: readonly Failure[];
      /** Bytes that this process takes. */
      readonly memory: number;
    };

async function run({ from, seeds, generation, careful }: Block): Promise<void> {
  const failures: Failure[] = [];
  let events = 0;
  let crashes = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    if (careful) await say({ kind: "begins", seed });
    const verdict = await simulate(seed, { generation, digest: false });
    events += verdict.events;
    crashes += verdict.crashes;
    if (verdict.violations.length > 0) failures.push({ seed, generation, violations: verdict.violations });
    // Seeds follow each other in microtasks and ticks: without a turn of the event loop nothing else of this process lives.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await say({ kind: "done", events, crashes, failures, memory: process.memoryUsage.rss() });
}

/** Resolves when the word has left: what is said before a seed is known even when the process dies at it. */
function say(word: Word): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(word, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

process.on("message", (block: Block) => void run(block));
process.on("disconnect", () => process.exit(0));
