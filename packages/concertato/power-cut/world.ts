/**
 * The outside world as one process sees it: what has begun has happened. It is told what happened before, because the
 * world forgets nothing when a machine loses its power.
 */
import { readFileSync } from "node:fs";
import type { AttemptContext, Effect, ProbeAnswer } from "concertato";
import type { Begun } from "./lines.ts";

export class World {
  readonly #happened: Set<string>;
  readonly #tell: (begun: Begun) => void;

  /** @param tell called at the moment an effect begins, before anything else of it */
  constructor(memory: string, tell: (begun: Begun) => void) {
    // The supervisor wrote it.
    const before = JSON.parse(readFileSync(memory, "utf8")) as readonly Begun[];
    this.#happened = new Set(before.map(({ runId, path }) => place(runId, path)));
    this.#tell = tell;
  }

  begin({ runId, path, idempotencyKey }: AttemptContext, effect: Effect): string {
    this.#tell({ runId, path, key: idempotencyKey, effect });
    this.#happened.add(place(runId, path));
    return receipt(path);
  }

  happened(runId: string, path: string): boolean {
    return this.#happened.has(place(runId, path));
  }

  probe({ runId, path }: AttemptContext): ProbeAnswer<string> {
    return this.happened(runId, path) ? { kind: "happened", output: receipt(path) } : { kind: "did-not-happen" };
  }

  /** What a person answers who is asked about an effect in doubt. */
  answer(runId: string, waitId: string): { readonly happened: boolean; readonly output?: string } {
    const path = waitId.split("@")[0] ?? waitId;
    return this.happened(runId, path) ? { happened: true, output: receipt(path) } : { happened: false };
  }
}

/** What every effect answers: it says nothing of when it happened. */
function receipt(path: string): string {
  return `done ${path}`;
}

function place(runId: string, path: string): string {
  return `${runId} ${path}`;
}
