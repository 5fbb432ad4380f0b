/**
 * Planted bugs: each breaks one rule of the kernel by a small patch of its source, in a copy. The simulator must catch
 * every one of them, or its silence proves nothing.
 */

/** A patch that breaks one rule. */
export interface Plant {
  readonly name: string;
  /** The rule that it breaks. */
  readonly rule: string;
  /** A seed that catches it, and the generation whose words the seed speaks; `--plants --remember` writes both. */
  readonly seed: number;
  readonly generation: number;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

export const plants: readonly Plant[] = [
  {
    name: "delivery-per-batch",
    rule: "one result to one scope, then drain, then the next",
    seed: 1,
    generation: 6,
    edits: [
      {
        file: "runtime/engine.ts",
        find: "    else settleOperation(scope, delivery);",
        replace:
          '    else {\n      settleOperation(scope, delivery);\n      if (scope.log.length - scope.cursor < 3) for (let more = scope.takeDelivery(); more !== undefined; more = scope.takeDelivery()) if (more.kind === "result" && more.operation.attached) settleOperation(scope, more);\n    }',
      },
    ],
  },
  {
    name: "ack-before-commit",
    rule: "nothing is seen before its commit",
    seed: 424,
    generation: 8,
    edits: [
      {
        file: "runtime/committer.ts",
        find: "      this.#loose.push({ change, durability, done, failed });",
        replace:
          '      if (change.kind === "send") done({ ok: true, key: 0, firstRef: 0 });\n      this.#loose.push({ change, durability, done, failed });',
      },
    ],
  },
  {
    name: "delivery-before-commit",
    rule: "entries are delivered only after their commit",
    seed: 26,
    generation: 6,
    edits: [
      {
        file: "runtime/committer.ts",
        find: "    this.#inFlight(durability, true);",
        replace:
          '    for (const { run, written } of batch.shares) {\n      run.committing = true;\n      for (const one of written) if (one.kind === "intent" && one.operation?.live === true) startAttempt(this.#engine, one.operation);\n    }',
      },
      {
        file: "runtime/committer.ts",
        find: "        if (operation?.live === true) startAttempt(this.#engine, operation);",
        replace: "        void startAttempt;",
      },
    ],
  },
  {
    name: "intent-not-durable",
    rule: "an intent survives a power cut before its effect begins",
    seed: 10,
    generation: 8,
    edits: [{ file: "runtime/outside-work.ts", find: "  scope.run.needsFull = true;", replace: "" }],
  },
  {
    name: "left-with-a-share",
    rule: "a run whose entries are on their way is not given back",
    seed: 327,
    generation: 6,
    edits: [
      { file: "runtime/committer.ts", find: "  run.committing = true;\n", replace: "" },
      {
        file: "runtime/committer.ts",
        find: "    this.#inFlight(durability, true);",
        replace:
          "    this.#inFlight(durability, true);\n    for (const { run } of batch.shares) run.committing = true;",
      },
    ],
  },
  {
    name: "eviction-loses-wake",
    rule: "a run is given back only when nothing has come for it",
    seed: 3,
    generation: 7,
    edits: [
      {
        file: "runtime/ownership.ts",
        find: '        else if (result.reason === "busy") this.#stirred(run);',
        replace: '        else if (result.reason === "busy") this.#engine.drop(run);',
      },
    ],
  },
  {
    name: "no-epoch-check",
    rule: "only the owner of the present epoch appends",
    seed: 644,
    generation: 7,
    edits: [
      {
        file: "store/memory-store.ts",
        find: "if (row.epoch !== change.epoch || row.seq !== change.expectedSeq",
        replace: "if (row.seq !== change.expectedSeq",
      },
    ],
  },
  {
    name: "timer-early",
    rule: "a timer is never early",
    seed: 211,
    generation: 6,
    edits: [
      {
        file: "runtime/timer-heap.ts",
        find: "top.dueMonotonic <= monotonic ?",
        replace: "top.dueMonotonic <= monotonic + 0.9 ?",
      },
      {
        file: "runtime/deadlines.ts",
        find: "Math.max(0, next.dueMonotonic - this.#clock())",
        replace: "Math.max(0, next.dueMonotonic - 0.9 - this.#clock())",
      },
    ],
  },
  {
    name: "admitted-twice",
    rule: "an inbox row is admitted once",
    seed: 15,
    generation: 6,
    edits: [
      {
        file: "runtime/admission.ts",
        find: "  if (row.n <= (run.admitted.get(row.sender) ?? 0)) {",
        replace: "  if (row.n < 0) {",
      },
    ],
  },
  {
    name: "cancel-beaten",
    rule: "after an acknowledged cancel no late result is accepted",
    seed: 1853,
    generation: 7,
    edits: [
      {
        file: "store/memory-store.ts",
        find: "    held.row.epoch++;\n    held.row.owner = null;\n    held.row.cancelling = true;",
        replace: "    held.row.owner = null;\n    held.row.cancelling = true;",
      },
    ],
  },
  {
    name: "parked-too-soon",
    rule: "a run is marked as resting only when every pending operation is durable",
    seed: 21,
    generation: 6,
    edits: [
      {
        file: "runtime/committer.ts",
        find: "  const quiet = run.quiet && !stirs",
        replace: "  const quiet = run.queuedScopes === 0 && !stirs",
      },
    ],
  },
  {
    name: "careless-jump",
    rule: "a replay passes over finished stretches only when nobody else wrote in them",
    seed: 3,
    generation: 6,
    edits: [
      {
        file: "runtime/container.ts",
        find: "    return seq - 1 - this.beforeSeq === this.#inside ? this.beforeRef : null;",
        replace: "    return this.beforeRef;",
      },
    ],
  },
  {
    name: "doubt-ignored",
    rule: "an irreversible effect in doubt is asked about, not repeated",
    seed: 53,
    generation: 6,
    edits: [
      {
        file: "runtime/outside-work.ts",
        find: '  if (work.leaf.effect !== "irreversible") return begin',
        replace: '  if (work.leaf.effect !== "pure") return begin',
      },
    ],
  },
  {
    name: "loser-not-recorded",
    rule: "a given-up operation is not taken up again",
    seed: 1,
    generation: 6,
    edits: [
      {
        file: "runtime/cancellation.ts",
        find: '  if (write && (operation.recorded || usage !== "") && scope.seq > 0) {',
        replace: '  if (write && operation.key === "none") {',
      },
    ],
  },
  {
    name: "wake-cleared-blindly",
    rule: "consuming inbox rows leaves the wake set when rows remain",
    seed: 6375,
    generation: 6,
    edits: [
      {
        file: "store/memory-store.ts",
        find: "    this.#setWake(held.row, held.inbox.length > 0 ? 0 : null);",
        replace: "    this.#setWake(held.row, null);",
      },
    ],
  },
  {
    name: "lost-turn-delivered",
    rule: "what was on its way to a loop that lost its race is not delivered on replay",
    seed: 323,
    generation: 7,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: "  if (operation.loop !== null) forgetTurn(run, scope, operation);",
        replace: "",
      },
    ],
  },
  {
    name: "buffered-signal-forgotten",
    rule: "a signal that came before its wait is kept",
    seed: 134,
    generation: 6,
    edits: [{ file: "runtime/admission.ts", find: "  run.buffer.set(channel, kept);\n}", replace: "  void kept;\n}" }],
  },
  {
    name: "history-passed-over",
    rule: "a replay reads every turn that a loop's history needs",
    seed: 32,
    generation: 6,
    edits: [
      {
        file: "runtime/engine.ts",
        find: "needsTurnBefore(appends) ? loop.turn : loop.container",
        replace: "needsTurnBefore(null) ? loop.turn : loop.container",
      },
    ],
  },
  {
    name: "loser-tried-again",
    rule: "a call that lost its race while it waited for its next attempt is not tried again",
    seed: 21,
    generation: 6,
    edits: [{ file: "runtime/operation.ts", find: "      this.retried ||\n", replace: "" }],
  },
  {
    name: "join-forgets-its-need",
    rule: "a join by a count is decided after a restart as before",
    seed: 25,
    generation: 6,
    edits: [
      {
        file: "runtime/results.ts",
        find: '      ...(map.join === "count" ? { need: map.need } : {}),\n',
        replace: "",
      },
    ],
  },
  {
    name: "moment-early",
    rule: "a moment of the wall clock is never early by it",
    seed: 46,
    generation: 6,
    edits: [
      {
        file: "runtime/wall-deadlines.ts",
        find: "() => world.clock.now()",
        replace: "() => world.clock.now() + 2",
      },
    ],
  },
  {
    name: "wait-without-end",
    rule: "a wait's deadline survives a restart",
    seed: 7,
    generation: 6,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: "  operation.until = meta.until ?? null;",
        replace: '  operation.until = operation.verb === "wait" ? null : (meta.until ?? null);',
      },
    ],
  },
  {
    name: "timeout-unarmed",
    rule: "an attempt that never answers ends at its timeout",
    seed: 348,
    generation: 8,
    edits: [
      {
        file: "runtime/outside-work.ts",
        find: "  if (timeoutMs !== undefined) armTimeout",
        replace: "  if (timeoutMs !== undefined && operation.attempt < 3) armTimeout",
      },
    ],
  },
  {
    name: "drawn-anew",
    rule: "derived ids are the same on replay",
    seed: 8,
    generation: 7,
    edits: [
      {
        file: "runtime/body-context.ts",
        find: "derivedId(this.#scope.run.seed,",
        replace: "derivedId(String(this.#scope.run.epoch),",
      },
    ],
  },
  {
    name: "looked-at-for-ever",
    rule: "a run whose row somebody changed is looked at once",
    seed: 398,
    generation: 8,
    edits: [{ file: "runtime/ownership.ts", find: "    run.poked = true;\n", replace: "" }],
  },
  {
    name: "told-twice",
    rule: "what a body tells is told once, whatever crashes",
    seed: 4,
    generation: 6,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: '      scope.told = true;\n      operationOf(reading).state = "done";\n',
        replace: "",
      },
    ],
  },
  {
    name: "change-forgotten",
    rule: "a body that once found its code changed finds it changed again",
    seed: 23,
    generation: 6,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: '    case "patched":\n      return readPatched(reading);',
        replace: '    case "patched":\n      return;',
      },
    ],
  },
  {
    name: "admitted-while-leaving",
    rule: "a run that is being given back takes no message",
    seed: 1117,
    generation: 7,
    edits: [
      {
        file: "runtime/admission.ts",
        find: "  if (run.admitting || run.leaving) {",
        replace: "  if (run.admitting) {",
      },
    ],
  },
  {
    name: "undone-in-any-order",
    rule: "what was registered is undone last first",
    seed: 2,
    generation: 6,
    edits: [
      {
        file: "runtime/compensation-agent.ts",
        find: "    for (const one of found.registered) {",
        replace: "    for (const one of found.registered.toReversed()) {",
      },
    ],
  },
  {
    name: "registration-forgotten",
    rule: "a registered compensation counts from its commit on, whatever crashes",
    seed: 1,
    generation: 7,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: '    kind === "compensation-registered" ? { count: undo.count, heads: [entry.seq] }',
        replace: '    kind === "compensation-registered" ? { count: undo.count, heads: [] }',
      },
    ],
  },
  {
    name: "fork-acts",
    rule: "a fork changes nothing outside unless told so",
    seed: 31,
    generation: 6,
    edits: [
      {
        file: "runtime/fork-direction.ts",
        find: 'if (mode === "live" || this.#elsewhere(operation) === "live")',
        replace: 'if (mode === "live" || operation.work !== null || this.#elsewhere(operation) === "live")',
      },
    ],
  },
  {
    name: "undoing-cut",
    rule: "a fork taken where an undoing ended goes on from there",
    seed: 534,
    generation: 6,
    edits: [
      {
        file: "runtime/scope-end.ts",
        find: "  if (undone !== undefined) return endCompensated(scope, undone.failed, undone.text);\n",
        replace: "",
      },
    ],
  },
  {
    name: "room-untold",
    rule: "a sender that found a mailbox full hears when there is room",
    seed: 5,
    generation: 7,
    edits: [
      {
        file: "runtime/admission.ts",
        find: "    offerAgain(engine, run, row.name);\n",
        replace: "",
      },
    ],
  },
  {
    name: "letter-not-offered-again",
    rule: "a letter that was recorded goes out, whatever crashes",
    seed: 15,
    generation: 7,
    edits: [
      {
        file: "runtime/recovery.ts",
        find: "if (first !== undefined) offerLetter(engine, first);",
        replace: "void first;",
      },
    ],
  },
  {
    name: "cancelled-fork-undoes",
    rule: "a cancelled fork does not undo what its original has done",
    seed: 358,
    generation: 7,
    edits: [
      {
        file: "runtime/cancelled-run.ts",
        find: "    if (fork !== undefined && !actsOutside(fork.description)) run.compensates = false;\n",
        replace: "",
      },
    ],
  },
  {
    name: "letter-twice",
    rule: "a letter that is offered again is taken once",
    seed: 7,
    generation: 7,
    edits: [
      {
        file: "store/memory-mailbox.ts",
        find: "    if (this.accepted(letter)) return true;\n",
        replace: "",
      },
    ],
  },
  {
    name: "letter-before-entry",
    rule: "a letter goes out when its entry is committed, and not before",
    seed: 26,
    generation: 7,
    edits: [
      {
        file: "runtime/mail-sending.ts",
        find: "  sending.n = written.stored.seq;\n",
        replace: "  sending.n = written.stored.seq;\n  offerLetter(_engine, operation);\n",
      },
    ],
  },
  {
    name: "two-holders",
    rule: "one run at a time holds a key",
    seed: 293,
    generation: 7,
    edits: [
      {
        file: "store/memory-holds.ts",
        find: "    const first = this.#queues.get(place)?.[0];\n    if (first === undefined || first.granted) return;",
        replace:
          "    const first = this.#queues.get(place)?.find((one, index) => index < 2 && !one.granted);\n    if (first === undefined) return;",
      },
    ],
  },
  {
    name: "claim-outlives-run",
    rule: "a key is freed by any end of the run that holds it",
    seed: 64,
    generation: 7,
    edits: [
      {
        file: "store/memory-holds.ts",
        find: "    for (const hold of [...(this.#byRun.get(run) ?? [])]) this.#remove(hold, now);",
        replace: "    void [run, now];",
      },
    ],
  },
  {
    name: "update-lost",
    rule: "no update of shared state is lost",
    seed: 581,
    generation: 7,
    edits: [
      {
        file: "store/memory-store.ts",
        find: "      return expected === null || expected === version;",
        replace: "      return true;",
      },
    ],
  },
  {
    name: "taken-and-refused",
    rule: "a letter that was taken is not refused when it is offered again after the receiver has ended",
    seed: 94,
    generation: 8,
    edits: [
      {
        file: "store/memory-store.ts",
        find: 'return held.mailbox?.accepted(letter) === true ? applied : refused("finished");',
        replace: 'return refused("finished");',
      },
    ],
  },
  {
    name: "inherited-loser-untold",
    rule: "what a fork took over as begun and then gives up is told as given up in its journal",
    seed: 280,
    generation: 7,
    edits: [{ file: "runtime/operation.ts", find: "      this.scope.run.begunElsewhere.has(this) ||\n", replace: "" }],
  },
  {
    name: "held-twice",
    rule: "one copy of a run writes in an epoch",
    seed: 353838,
    generation: 7,
    edits: [
      {
        file: "runtime/engine.ts",
        find: "    if (held !== undefined) return held;\n",
        replace: "    void held;\n",
      },
    ],
  },
  {
    name: "place-kept",
    rule: "a run whose giving back got no answer is asked about, and takes no place for ever",
    seed: 500886,
    generation: 7,
    edits: [{ file: "runtime/ownership.ts", find: "        else this.unknown(run, error);\n", replace: "" }],
  },
  {
    name: "doubt-too-soon",
    rule: "an effect that is still under way in its process is not in doubt",
    seed: 188,
    generation: 8,
    edits: [
      {
        file: "runtime/outside-work.ts",
        find: "  if (end === undefined) return resolveDoubt(engine, operation);",
        replace: "  if (end === undefined || run.key > 0) return resolveDoubt(engine, operation);",
      },
    ],
  },
  {
    name: "undone-for-another-reason",
    rule: "a replay finds a scope that was undone failed for the recorded reason, in forks too",
    seed: 180,
    generation: 7,
    edits: [
      {
        file: "runtime/replay-direction.ts",
        find: "    if (recorded === undefined || recorded.text === text) return text;\n",
        replace: "    if (recorded !== undefined || recorded === undefined) return text;\n",
      },
    ],
  },
];
