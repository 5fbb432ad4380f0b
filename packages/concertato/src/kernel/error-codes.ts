/**
 * The table of error codes. One page under docs/errors explains each; a test holds table, pages and thrown codes together.
 */

/** `area/what` to whether a retry can help and the one-line remedy shown beside the message. */
export const errorCodes = {
  "agent/async-schema": {
    retryable: false,
    remedy: "Use a schema without asynchronous refinements here; put the check into a tool.",
  },
  "agent/failed": { retryable: false, remedy: "Read the cause; the agent's own code threw it." },
  "agent/input-invalid": { retryable: false, remedy: "Pass a value that fits the agent's input schema." },
  "agent/limits": { retryable: false, remedy: "Use whole numbers from 1 on, and a period such as 1s." },
  "agent/name": { retryable: false, remedy: "Use a letter, then letters, digits, dot, dash or underscore." },
  "agent/no-usable-call": {
    retryable: false,
    remedy: "Use a stronger model, or describe the tools and their arguments better.",
  },
  "agent/output-invalid": { retryable: false, remedy: "Make the agent return what its output schema declares." },
  "agent/refused": { retryable: false, remedy: "A person declined the action; change the request or ask again." },
  "agent/too-few-succeeded": {
    retryable: false,
    remedy: "Read details.causes: why each branch or item failed.",
  },
  "agent/schema-not-json": {
    retryable: false,
    remedy: "Use a schema library that speaks Standard JSON Schema, and types that JSON has.",
  },
  "agent/timeout": { retryable: true, remedy: "Raise the timeout or make the step faster." },
  "codec/key-missing": { retryable: false, remedy: "Open the store with the key it was written with." },
  "codec/too-large": { retryable: false, remedy: "Store large payloads outside and pass a reference." },
  "codec/unstorable": { retryable: false, remedy: "Return plain JSON values." },
  "fork/invalid": { retryable: false, remedy: "Fork at an entry that the run has, with what fits that entry." },
  "fork/key-not-held": {
    retryable: false,
    remedy: "Fork before the claim, so that the fork asks for the key itself, or take over what is recorded.",
  },
  "fork/nothing-recorded": {
    retryable: false,
    remedy: "Give the fork a stub for that tool, or allow its effect to happen anew.",
  },
  "import/exists": { retryable: false, remedy: "The run is there already; delete it, or import into another store." },
  "import/invalid": { retryable: false, remedy: "Import what app.export wrote, whole and unchanged." },
  "journal/damaged": { retryable: false, remedy: "Restore the run from a backup; other runs are not touched." },
  "journal/divergence": {
    retryable: false,
    remedy: "Restore the code the run was started with, or raise the agent's version.",
  },
  "mailbox/key-conflict": {
    retryable: false,
    remedy: "Use a key of its own for each letter, or send the same again.",
  },
  "model/malformed": { retryable: true, remedy: "Check that the server speaks the protocol it is configured for." },
  "model/none": {
    retryable: false,
    remedy: "Name a model, start a model server on this machine, or pass a model object.",
  },
  "model/refused": { retryable: false, remedy: "Check the key, the model's name and what is sent." },
  "model/truncated": { retryable: false, remedy: "Raise maxOutputTokens, or ask for less." },
  "model/unavailable": { retryable: true, remedy: "Wait, or name a further model to fall back on." },
  "model/unknown": { retryable: false, remedy: "Name a known provider, install its package, and set its key." },
  "pattern/invalid": { retryable: false, remedy: "Give it at least one agent, and a quorum that they can reach." },
  "policy/budget-exceeded": {
    retryable: false,
    remedy: 'Give it a larger budget, or onExhausted "ask" so that a person can raise it.',
  },
  "policy/cap-exceeded": {
    retryable: false,
    remedy: "Raise the cap with app.setCap, or wait for its next window.",
  },
  "policy/cap-invalid": { retryable: false, remedy: "Name a tenant or an agent, and a period of day, month or ever." },
  "policy/deadline-exceeded": { retryable: false, remedy: "Give it more time, or make its work smaller." },
  "policy/depth-exceeded": { retryable: false, remedy: "End the recursion earlier, or give the run a larger depth." },
  "policy/edge-invalid": {
    retryable: false,
    remedy: "Pass whole numbers from 0, dollars as a number, a valid date, a list of tools.",
  },
  "policy/edge-widens": { retryable: false, remedy: "Hand over at most what the caller has." },
  "policy/grant-denied": { retryable: false, remedy: "Grant the tool on the edge that left it out, or do without it." },
  "policy/loop-detected": {
    retryable: false,
    remedy: "Let the turns reach something new or end the loop, or raise stall.",
  },
  "policy/no-progress": { retryable: false, remedy: "Let a turn change the state or end the loop, or raise stall." },
  "policy/price-unknown": {
    retryable: false,
    remedy:
      "Give the model's price with open(file, { prices }), limit tokens or turns instead, or name a model with a price.",
  },
  "policy/raise-refused": {
    retryable: false,
    remedy: "Raise by what the budgets around it have left, or raise those first.",
  },
  "policy/slice-missing": {
    retryable: false,
    remedy: "Hand over a part of the budget: ctx.start(agent, input, { budget }).",
  },
  "policy/steps-exceeded": { retryable: false, remedy: "Give it more steps or turns, or let it end earlier." },
  "policy/usage-invalid": {
    retryable: false,
    remedy: "Tell whole numbers of tokens from 0 and a cost in USD; leave out what is not known.",
  },
  "claim/deadlock": {
    retryable: true,
    remedy: "Claim keys in the same order everywhere, or release what is held and claim again.",
  },
  "mailbox/full": { retryable: true, remedy: "Send again when the run has received some letters, or raise limit." },
  "remote/refused": { retryable: false, remedy: "Check the address, the credentials and what is sent." },
  "remote/unavailable": {
    retryable: true,
    remedy: "Check that the remote agent runs; the call is repeated as its policy says.",
  },
  "run/already-finished": { retryable: false, remedy: "A finished run does not change; start a new one." },
  "run/cancelled": { retryable: false, remedy: "The run was cancelled; start a new one." },
  "run/key-conflict": { retryable: false, remedy: "Use another key, or start with the same input." },
  "run/no-agent": { retryable: false, remedy: "Give the agent, in the version of the run." },
  "run/not-found": { retryable: false, remedy: "List the runs and use one of their ids." },
  "run/not-waiting": { retryable: false, remedy: "Show the run to see what it is waiting for." },
  "run/priority": { retryable: false, remedy: "Use a whole number from 0 (whenever there is time) to 9 (first)." },
  "runtime/closed": { retryable: false, remedy: "Open the app again." },
  "runtime/continue-nested": {
    retryable: false,
    remedy: "Call ctx.continueAs in the run's own body only.",
  },
  "runtime/duration": {
    retryable: false,
    remedy: "Write durations as a number of milliseconds or like 500ms, 30s, 5m, 4h, 2d.",
  },
  "runtime/foreign-await": { retryable: false, remedy: "Move outside I/O and timers into a tool or ctx.step." },
  "runtime/moment": {
    retryable: false,
    remedy: "Pass a Date, milliseconds since 1970, or an ISO text with its zone.",
  },
  "runtime/too-many-operations": { retryable: false, remedy: "Put endless work into ctx.loop." },
  "run/retry-refused": {
    retryable: false,
    remedy: "Settle what it started or could not undo, then start a new run or fork this one.",
  },
  "step/circuit-open": {
    retryable: true,
    remedy: "Turn to a backup, or try again when the breaker's rest is over (details.retryAfterMs).",
  },
  "store/exists": { retryable: false, remedy: "Name a file that does not exist yet, or remove that one." },
  "store/full": { retryable: true, remedy: "Free disk space; work resumes by itself." },
  "store/locked": { retryable: true, remedy: "Another program holds the database file; close it." },
  "store/network-disk": { retryable: false, remedy: "Put the file on a disk of this machine." },
  "store/newer-schema": { retryable: false, remedy: "Upgrade Concertato; the file was written by a newer version." },
  "store/not-a-database": { retryable: false, remedy: "Point at a file made by Concertato, or at a new path." },
  "store/unsupported": { retryable: false, remedy: "Open the app on a file; this store cannot do that." },
  "store/unavailable": {
    retryable: true,
    remedy: "The store did not answer; the outcome is read again before going on.",
  },
  "store/upgrade-blocked": {
    retryable: true,
    remedy: "Close every process that has the file open, then open it again.",
  },
} as const;

/** A code of the table. */
export type ErrorCode = keyof typeof errorCodes;
