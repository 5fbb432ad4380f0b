/** `concertato/testing`: what tests of agents need. */
export { virtualWorld } from "./virtual-world.ts";
export type { VirtualWorld } from "./virtual-world.ts";
export { call, calls, failure, reply, script } from "./script.ts";
export type { Line, ScriptedModel, TokenUse } from "./script.ts";
