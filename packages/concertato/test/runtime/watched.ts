/** Work that a test lets go on, piece by piece. */
import { z } from "zod";
import { type ConcurrencyLimit, type Effect, tool } from "../../src/index.ts";
import { type Gate, gate } from "./lab.ts";

/** A tool whose attempts the test lets go on, one by one, and that counts how many there are at once. */
export class Watched {
  readonly begun: string[] = [];
  readonly #holds = new Map<string, Gate<void>>();
  now = 0;
  most = 0;

  execute(name: string): Promise<string> {
    this.begun.push(name);
    this.now++;
    this.most = Math.max(this.most, this.now);
    const hold = gate();
    this.#holds.set(name, hold);
    return hold.promise.then(() => {
      this.now--;
      return name;
    });
  }

  release(name: string): void {
    this.#holds.get(name)?.open();
  }

  releaseAll(): void {
    for (const hold of this.#holds.values()) hold.open();
  }

  tool(concurrency: number | ConcurrencyLimit<string>, effect: Effect = "read") {
    return tool({
      name: "look",
      description: "Looks",
      effect,
      input: z.string(),
      output: z.string(),
      concurrency,
      execute: (name) => this.execute(name),
    });
  }
}
