/** `concertato/testing`: what tests of agents need. */
export { virtualWorld } from "./virtual-world.ts";
export type { VirtualWorld } from "./virtual-world.ts";
