/**
 * Moments of the wall clock that somebody waits for. The clock may be set while the process lives, so it is looked at
 * again and again while there is such a moment; never fired early by it, and late by one look at most.
 */
import type { World } from "../kernel/world.ts";
import { Deadlines } from "./deadlines.ts";

/** Longest time between two looks at a clock that may have been set, in ms. */
const lookMs = 1_000;

export class WallDeadlines extends Deadlines {
  constructor(world: World) {
    super(world, () => world.clock.now(), lookMs);
  }
}
