/** `concertato/testing`: what tests of agents need. */
export { virtualWorld } from "./virtual-world.ts";
export type { VirtualWorld } from "./virtual-world.ts";
export { answers, approve, reject } from "./people.ts";
export type { Person } from "./people.ts";
export { record, recordTools } from "./record.ts";
export type { RealWork, RecordedModel, RecordedTools } from "./record.ts";
export { replayed, replayedTools } from "./replayed.ts";
export type { ReplayedTools } from "./replayed.ts";
export { call, calls, failure, reply, script } from "./script.ts";
export type { Line, ScriptedModel, TokenUse } from "./script.ts";
export { TestApp, testApp } from "./test-app.ts";
export type { TestAppOptions, TestModel } from "./test-app.ts";
