/**
 * Planted faults: each breaks one promise from outside the kernel, and the checker must notice by the rule named. A
 * check that cannot fail proves nothing.
 */
import { type AttemptContext, realWorld, type World } from "concertato";
import type { EffectTool, Outside, Receipt } from "./outside.ts";
import type { Random } from "./random.ts";
import type { Reach } from "./workflows.ts";

/** What each plant does, and the rule that must notice. */
export const plants = {
  "lying-probe": { rule: "effect-once", what: "the probe of payments says that nothing happened" },
  "fresh-key": { rule: "effect-key", what: "mail goes out under a new key at every attempt" },
  "undeclared-effect": { rule: "effect-intent", what: "a read tool sends mail" },
  "late-effect": { rule: "result-final", what: "mail is sent once more after its result was recorded" },
  "fast-clock": { rule: "timer-early", what: "the monotonic clock runs three times too fast" },
  "wrong-look": { rule: "output", what: "a read tool finds something else now and then" },
  "stuck-tool": { rule: "liveness", what: "a read tool never answers now and then" },
  "rash-answer": { rule: "effect-once", what: "effects in doubt are answered without asking the world" },
  "double-send": { rule: "signal-once", what: "the client sends each signal under two keys" },
  "false-start": { rule: "start-durable", what: "the client claims starts that it never made" },
  "false-cancel": { rule: "cancel-final", what: "the client claims cancels that it never made" },
  "second-key": { rule: "start-key", what: "a second start with the same key uses another one" },
  "altered-entry": { rule: "entry-immutable", what: "an entry reads differently at the end" },
} as const;

export type PlantName = keyof typeof plants;

export function isPlant(name: string): name is PlantName {
  return Object.hasOwn(plants, name);
}

/** What tools do outside, with the fault of a plant where it has one there. */
export function plantedReach(plant: PlantName | null, outside: Outside, random: Random): Reach {
  const honest: Reach = {
    effect: (tool, label, attempt, key) => outside.effect(tool, label, attempt, key),
    probe: (attempt) => outside.probe(attempt),
    look: async (value) => {
      await new Promise((resolve) => setTimeout(resolve, value % 12));
      return value + 1;
    },
  };
  const { effect, look } = honest;
  switch (plant) {
    case "lying-probe":
      return { ...honest, probe: async () => ({ kind: "did-not-happen" }) };
    case "fresh-key":
      return { ...honest, effect: (tool, label, attempt) => effect(tool, label, attempt, `${label}-${random.next()}`) };
    case "undeclared-effect":
      return { ...honest, look: (value, attempt) => effect("mail", "undeclared", attempt).then(() => value + 1) };
    case "late-effect":
      return { ...honest, effect: (tool, label, attempt) => twice(tool, label, attempt, effect) };
    case "wrong-look":
      return { ...honest, look: async (value, attempt) => (await look(value, attempt)) + (random.chance(0.2) ? 1 : 0) };
    case "stuck-tool":
      return {
        ...honest,
        look: (value, attempt) => (value % 5 === 0 ? new Promise(() => undefined) : look(value, attempt)),
      };
    default:
      return honest;
  }
}

/** The second time comes when the first was recorded long ago. */
async function twice(
  tool: EffectTool,
  label: string,
  attempt: AttemptContext,
  effect: Reach["effect"],
): Promise<Receipt> {
  const { idempotencyKey, runId, path } = attempt;
  const usage = () => undefined;
  const repeated = {
    idempotencyKey,
    runId,
    path,
    attempt: attempt.attempt,
    signal: new AbortController().signal,
    usage,
    costLimited: false,
    heard: false,
    say: usage,
    service: usage,
  };
  const receipt = await effect(tool, label, attempt);
  if (tool === "mail") setTimeout(() => void effect(tool, label, repeated).catch(() => undefined), 100);
  return receipt;
}

/** The world a planted worker runs in; null for the real one. */
export function plantedWorld(plant: PlantName | null, report: (error: unknown) => void): World | null {
  if (plant !== "fast-clock") return null;
  const real = realWorld(report);
  const clock = { now: () => real.clock.now(), monotonic: () => real.clock.monotonic() * 3 };
  return { ...real, clock, timer: (delayMs, fn, background) => real.timer(delayMs / 3, fn, background) };
}
