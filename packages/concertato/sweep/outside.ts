/** The world outside a sweep: effects by idempotency key, and the agents that act on it, the same code in every process. */
import { z } from "zod";
import { type Agent, type AttemptContext, human, tool } from "../src/index.ts";
import type { World } from "../src/kernel/world.ts";

/** What happened under one idempotency key. */
export interface Deed {
  readonly kind: "write" | "pay" | "blind";
  readonly id: string;
  readonly runId: string;
  readonly path: string;
  happened: number;
}

/** What was done, over all crashes. */
export class Outside {
  readonly deeds = new Map<string, Deed>();

  act(kind: Deed["kind"], id: string, { idempotencyKey, runId, path }: AttemptContext): void {
    const known = this.deeds.get(idempotencyKey);
    if (known !== undefined) known.happened++;
    else this.deeds.set(idempotencyKey, { kind, id, runId, path, happened: 1 });
  }

  /** What a person would find out about an effect in doubt. */
  truth(runId: string, path: string): { readonly happened: boolean; readonly output?: string } {
    for (const deed of this.deeds.values())
      if (deed.runId === runId && deed.path === path) return { happened: true, output: `${deed.kind} ${deed.id}` };
    return { happened: false };
  }

  /** What was done, however often it was tried: the same whatever went wrong. */
  done(): readonly string[] {
    return [...this.deeds.values()].map(({ kind, id }) => `${kind} ${id}`).sort();
  }
}

const text = { description: "", input: z.string(), output: z.string() };

/** The agents of one process. */
export function castOf(outside: Outside, world: World) {
  const later = (value: string) =>
    new Promise<string>((resolve) => {
      world.timer(3, () => resolve(value));
    });
  const acting = (kind: Deed["kind"]) => (id: string, attempt: AttemptContext) => {
    outside.act(kind, id, attempt);
    return later(`${kind} ${id}`);
  };
  return {
    read: tool({ ...text, name: "read", effect: "read", execute: (id) => later(`read ${id}`) }),
    pure: tool({ ...text, name: "pure", effect: "pure", execute: (id) => `pure ${id}` }),
    write: tool({ ...text, name: "write", effect: "write", execute: acting("write") }),
    blind: tool({ ...text, name: "blind", effect: "irreversible", execute: acting("blind") }),
    pay: tool({
      ...text,
      name: "pay",
      effect: "irreversible",
      execute: acting("pay"),
      probe: (_id, { runId, path }) => {
        const { happened, output = "" } = outside.truth(runId, path);
        return Promise.resolve(happened ? { kind: "happened", output } : { kind: "did-not-happen" });
      },
    }),
    flaky: tool({
      ...text,
      name: "flaky",
      effect: "read",
      retry: { attempts: 3, backoff: 20 },
      execute: (id, { attempt }) => {
        if (attempt < 2) throw new Error("busy");
        return later(`flaky ${id}`);
      },
    }),
    broken: tool({
      ...text,
      name: "broken",
      effect: "write",
      retry: { attempts: 2, backoff: 10 },
      execute: (id) => {
        throw new Error(`cannot ${id}`);
      },
    }),
    person: human({ name: "person", output: z.string() }),
    /** Asked where the run is to be cancelled, or terminated, instead of answered. */
    canceller: human({ name: "canceller", output: z.string() }),
    terminator: human({ name: "terminator", output: z.string() }),
  };
}

export type Cast = ReturnType<typeof castOf>;

/** The agents a scenario may call. */
export function toolsOf(cast: Cast): readonly Agent[] {
  return Object.values(cast) as Agent[];
}
