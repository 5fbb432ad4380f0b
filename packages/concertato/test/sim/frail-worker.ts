/** A worker of a storm that dies in every block with seed 7 or 13; in a careful one it dies at seed 7 and hangs at seed 13. */
import type { Block, Word } from "../../sim/storm-worker.ts";

const holds = (block: Block, seed: number): boolean => block.from <= seed && seed < block.from + block.seeds;

function fail(seed: number): void {
  if (seed === 7) process.exit(3);
  if (seed === 13) for (;;);
}

process.on("message", (block: Block) => {
  if (!block.careful && (holds(block, 7) || holds(block, 13))) process.exit(3);
});

await import("../../sim/storm-worker.ts");

const send = process.send?.bind(process);
process.send = (word: Word, _handle?: unknown, _options?: unknown, told?: (error: Error | null) => void): boolean =>
  send?.(word, undefined, {}, (error) => {
    if (word.kind === "begins") fail(word.seed);
    told?.(error);
  }) === true;
