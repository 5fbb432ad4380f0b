/**
 * What must hold of every journal, effect and acknowledgement, whatever crashed. Each rule has an id; a violation names
 * the run and what was seen. Checkers read the truth of the disk and the ledger, never the engine.
 */
import { decodeJson } from "../src/kernel/json.ts";
import { type EntryMeta, entryKindName, type StoredEntry } from "../src/journal/entry.ts";
import type { Change, ChangeResult, Letter, RunRow } from "../src/journal/store.ts";
import type { Client } from "./client.ts";
import type { CommitObserver, Disk } from "./fault-store.ts";
import type { Effects } from "./ledger.ts";
import { openDeadline } from "./open-deadline.ts";
import { misfit } from "./programs.ts";
import type { Program } from "./words/word.ts";
import { UndoCheck } from "./undo-check.ts";
import type { Schedule } from "./schedule.ts";

/** Under which conditions a seed ran: some rules hold only without some faults. */
export interface Conditions {
  /** A process was put out while it lived: what it had begun outside may take place twice. */
  readonly zombies: boolean;
  readonly clockJumps: boolean;
  readonly powerCuts: boolean;
}

/** An entry as the checkers look at it. */
export class Seen {
  readonly entry: StoredEntry;
  readonly kind: string;
  #meta: EntryMeta | null = null;

  constructor(entry: StoredEntry) {
    this.entry = entry;
    this.kind = entryKindName(entry.kind) ?? "?";
  }

  /** Read when it is asked for: most rules look at kinds and addresses only. */
  get meta(): EntryMeta {
    return (this.#meta ??= metaOf(this.entry));
  }
}

const ends = new Set(["result", "scope-ended", "child-started"]);

const begins = new Set([
  "intent",
  "attempt-failed",
  "timer-set",
  "wait-opened",
  "send-opened",
  "scope-started",
  "map-started",
]);

export class Checkers implements CommitObserver {
  readonly violations: string[] = [];
  readonly #schedule: Schedule;
  readonly #disk: Disk;
  readonly #conditions: Conditions;

  constructor(schedule: Schedule, disk: Disk, conditions: Conditions) {
    this.#schedule = schedule;
    this.#disk = disk;
    this.#conditions = conditions;
    disk.observer = this;
  }

  violate(rule: string, what: string): void {
    if (this.violations.length < 20) this.violations.push(`${rule}: ${what}`);
  }

  committed(changes: readonly Change[], results: readonly ChangeResult[]): void {
    if (!this.#conditions.clockJumps) this.#checkTimers(changes, results);
    changes.forEach((change, index) => {
      if (change.kind === "evict" && results[index]?.ok === true) this.#checkLeft(change.run, change.wake);
      if (change.kind === "mail") this.#checkRecorded(change.letter);
      const result = results[index];
      if (change.kind === "append" && result?.ok === false && result.reason === "stale") this.#checkWriter(change);
    });
  }

  /** Only one copy of a run, in one process, writes in an epoch: so what is refused there was written in an earlier one. */
  #checkWriter({ run, epoch, expectedSeq }: Extract<Change, { kind: "append" }>): void {
    const row = this.#disk.truth.runByKey(run);
    if (row === undefined || row.epoch !== epoch || row.owner === null) return;
    this.violate("two-writers", `run ${row.id} has ${row.seq} entries, and in the same epoch ${expectedSeq} were seen`);
  }

  /** A run's letter goes out when its entry is there: else a crash gives its number to another. */
  #checkRecorded({ sender, n }: Letter): void {
    const run = this.#disk.truth.run(sender.split(">")[0] ?? "");
    // A letter from outside has a sender of its own.
    if (run !== undefined && n > run.seq)
      this.violate("letter-early", `letter ${n} of ${sender} went out when its run had ${run.seq} entries`);
  }

  /** A run that was given back is looked at again when the first of its deadlines passes. */
  #checkLeft(run: number, wake: number | null): void {
    const first = openDeadline(this.#disk.truth.journal(run));
    if (first === null || (wake !== null && wake <= first)) return;
    const id = this.#disk.truth.runByKey(run)?.id;
    this.violate("left-asleep", `run ${id} was given back until ${wake}, and has a deadline at ${first}`);
  }

  /** timers: a deadline's result is never committed before it (wall clocks right, no jumps). */
  #checkTimers(changes: readonly Change[], results: readonly ChangeResult[]): void {
    const wall = 1_000_000_000 + this.#schedule.now;
    changes.forEach((change, index) => {
      if (change.kind !== "append" || results[index]?.ok !== true) return;
      for (const entry of change.entries) {
        if (entryKindName(entry.kind) !== "result" || !/^{"verb":"(sleep|until)"/.test(entry.meta ?? "")) continue;
        const until = this.#deadlineOf(change.run, entry);
        if (until !== undefined && wall < until)
          this.violate(
            "timer-early",
            `run ${this.#disk.truth.runByKey(change.run)?.id} ${entry.op}: ${wall} < ${until}`,
          );
      }
    });
  }

  #deadlineOf(run: number, result: StoredEntry): number | undefined {
    const entries = this.#disk.truth.journal(run);
    const set = entries.findLast(
      (entry) => entry.scope === result.scope && entry.op === result.op && entryKindName(entry.kind) === "timer-set",
    );
    return set?.meta == null ? undefined : (JSON.parse(set.meta) as EntryMeta).until;
  }

  /** Everything that must hold when faults have stopped and all was served. */
  atEnd(client: Client, effects: Effects): void {
    const rows = this.#disk.truth.runs({ limit: 100_000 });
    const journals = new Map<string, readonly Seen[]>();
    for (const row of rows) {
      const journal = this.#disk.truth.journal(row.key).map((entry) => new Seen(entry));
      journals.set(row.id, journal);
      this.#checkJournal(row, journal);
      this.#checkEnd(row, journal);
      this.#checkAccounts(row, journal);
    }
    // What a fork took over from its original was told and registered there.
    const originals = rows.filter(({ id }) => !journals.get(id)?.some(({ kind }) => kind === "forked"));
    const own = new Map(originals.map(({ id }) => [id, journals.get(id) ?? []]));
    this.#checkTold(originals, own);
    this.#checkCounted(originals, own);
    // A power cut takes grants back that were not synced, and a process that was put out may come late.
    if (!this.#conditions.zombies && !this.#conditions.powerCuts)
      // A cancelled run's process may hear of it late.
      for (const { runId, what } of effects.crowded)
        if (rows.find(({ id }) => id === runId)?.status === "completed") this.violate("two-holders", what);
    new UndoCheck(originals, own, effects.undone, (entry, runId) => this.#textOf(entry, runId)).check((rule, what) =>
      this.violate(rule, what),
    );
    this.#checkStarts(client, rows);
    this.#checkCancels(client, rows);
    this.#checkEffects(effects, journals, rows);
  }

  #checkJournal(row: RunRow, journal: readonly Seen[]): void {
    let at = 0;
    const ended = new Set<string>();
    const admitted = new Set<string>();
    journal.forEach((seen, index) => {
      const { entry, kind } = seen;
      const address = `${entry.scope}.${entry.op}`;
      if (entry.seq !== index + 1) this.violate("gap", `run ${row.id}: entry ${index + 1} has seq ${entry.seq}`);
      if (entry.at < at) this.violate("time-back", `run ${row.id} seq ${entry.seq}: ${entry.at} < ${at}`);
      at = Math.max(at, entry.at);
      if (ends.has(kind)) {
        if (ended.has(address))
          this.violate("two-results", `run ${row.id} ${address} (${entry.name}) at seq ${entry.seq}`);
        ended.add(address);
      }
      if (kind === "diverged") this.violate("diverged", `run ${row.id}: ${String(entry.body)}`);
      const from = entry.meta?.includes('"from":') === true ? seen.meta.from : undefined;
      if (from !== undefined) {
        const mark = from.join(" ");
        if (admitted.has(mark)) this.violate("admitted-twice", `run ${row.id}: ${mark} at seq ${entry.seq}`);
        admitted.add(mark);
      }
    });
    if (row.seq !== journal.length)
      this.violate("row-seq", `run ${row.id}: row says ${row.seq}, journal has ${journal.length}`);
  }

  /** What a finished body had begun has an end, or the journal says that it was given up (bodies here await everything). */
  #checkAccounts(row: RunRow, journal: readonly Seen[]): void {
    if (row.status !== "completed") return;
    const closed = new Set<string>();
    const finished = new Set<number>([1]);
    for (const { entry, kind } of journal) {
      if (ends.has(kind) || kind === "op-cancelled") closed.add(`${entry.scope} ${entry.op}`);
      if (kind === "scope-ended") {
        const start = journal.findLast(
          (seen) => seen.kind === "scope-started" && seen.entry.scope === entry.scope && seen.entry.op === entry.op,
        );
        if (start !== undefined) finished.add(start.entry.seq);
      }
    }
    for (const { entry, kind } of journal) {
      if (!begins.has(kind) || !finished.has(entry.scope) || isClosed(closed, entry.scope, entry.op)) continue;
      this.violate(
        "unaccounted",
        `run ${row.id} ${entry.scope}.${entry.op} (${entry.name}) was begun at seq ${entry.seq} and neither ended nor given up`,
      );
    }
  }

  /** liveness and outputs: every run has ended, with what its program may give. */
  #checkEnd(row: RunRow, journal: readonly Seen[]): void {
    if (row.status === "cancelled") return;
    if (journal.some(({ kind }) => kind === "forked") && (row.status === "failed" || row.status === "stopped")) return;
    if (row.status !== "completed") {
      const last = journal.at(-1)?.entry;
      return this.violate(
        row.status === "failed" ? "failed" : "stuck",
        `run ${row.id} is ${row.status}${row.note === null ? "" : ` ${row.note}`}, owner ${row.owner}, wake ${row.wake}, parked ${row.parked}, last: ${JSON.stringify(last)}`,
      );
    }
    const program = decodeJson(this.#textOf(journal[0]?.entry, row.id)) as Program;
    const wrong = misfit(program, decodeJson(this.#textOf(journal.at(-1)?.entry, row.id)));
    if (wrong !== null) this.violate("output", `run ${row.id}: ${wrong}`);
  }

  /** What a body tells is in the journal once, and all of it where the body went on. */
  #checkTold(rows: readonly RunRow[], journals: ReadonlyMap<string, readonly Seen[]>): void {
    const told = new Map<string, number>();
    for (const [runId, journal] of journals) {
      for (const { entry, kind } of journal) {
        if (kind !== "emitted" || entry.name !== "told") continue;
        const what = String(decodeJson(this.#textOf(entry, runId)));
        told.set(what, (told.get(what) ?? 0) + 1);
      }
    }
    for (const [what, times] of told) if (times > 1) this.violate("told-twice", `${what}: ${times} times`);
    for (const row of rows) {
      if (row.status !== "completed") continue;
      const output = this.#textOf(journals.get(row.id)?.at(-1)?.entry, row.id) ?? "";
      for (const [, mark] of output.matchAll(/"told":"([^"]+)"/g))
        for (const when of ["before", "after"])
          if (!told.has(`${mark} ${when}`)) this.violate("not-told", `run ${row.id}: ${mark} ${when}`);
    }
  }

  /** No update of a counter is lost: no two got the same number. */
  #checkCounted(rows: readonly RunRow[], journals: ReadonlyMap<string, readonly Seen[]>): void {
    const seen = new Map<string, string>();
    for (const row of rows)
      for (const { entry, kind } of journals.get(row.id) ?? []) {
        if (kind !== "emitted" || entry.name !== "counted") continue;
        const what = `${row.tenant} ${String(decodeJson(this.#textOf(entry, row.id)))}`;
        const place = `${row.id} seq ${entry.seq}`;
        if (seen.has(what)) this.violate("update-lost", `${what}: at ${seen.get(what)} and at ${place}`);
        seen.set(what, place);
      }
  }

  /** Acknowledged starts exist; one run per key. */
  #checkStarts(client: Client, rows: readonly RunRow[]): void {
    const byKey = new Map<string, string>();
    for (const row of rows) {
      if (row.startKey === null) continue;
      if (byKey.has(row.startKey))
        this.violate("key-twice", `key ${row.startKey}: ${row.id} and ${byKey.get(row.startKey)}`);
      byKey.set(row.startKey, row.id);
    }
    for (const start of client.starts) {
      if (start.acknowledged === null) continue;
      if (byKey.get(start.key) !== start.acknowledged)
        this.violate(
          "start-lost",
          `start ${start.key} was acknowledged as ${start.acknowledged}, found ${byKey.get(start.key)}`,
        );
    }
  }

  /** After an acknowledged cancel there is the end entry and nothing else. */
  #checkCancels(client: Client, rows: readonly RunRow[]): void {
    for (const [runId, entries] of client.cancels) {
      const row = rows.find((one) => one.id === runId);
      if (row === undefined) this.violate("cancel-lost", `run ${runId} is gone`);
      else if (row.status !== "cancelled")
        this.violate("cancel-beaten", `run ${runId} is ${row.status} after its cancel was acknowledged`);
      else if (row.seq !== entries + 1 && row.note?.includes('"undone"') !== true)
        this.violate("after-cancel", `run ${runId} had ${entries} entries at its cancel and has ${row.seq}`);
    }
  }

  /** The first line of an entry's payload, also where it is kept as a blob. */
  #textOf(entry: StoredEntry | undefined, runId: string): string | null {
    if (entry === undefined || typeof entry.body !== "string") return null;
    const line = entry.body.split("\n")[0] ?? null;
    if (line === null || !line.startsWith("@")) return line;
    const hash = metaOf(entry).blobs?.[Number(line.slice(1))] ?? "";
    const run = this.#disk.truth.run(runId)?.key ?? 0;
    const text = this.#disk.truth.blobs(run, [hash]).get(hash);
    if (text === undefined) this.violate("blob-lost", `run ${runId} seq ${entry.seq}: ${hash}`);
    return text === undefined ? null : String(text);
  }

  #checkEffects(effects: Effects, journals: ReadonlyMap<string, readonly Seen[]>, rows: readonly RunRow[]): void {
    const paths = new Map<string, string>();
    for (const [key, record] of effects.byKey) {
      const place = `${record.runId} ${record.path}`;
      if (paths.has(place)) this.violate("key-changed", `${place} acted under ${key} and ${paths.get(place)}`);
      paths.set(place, key);
      if ((record.kind === "pay" || record.kind === "blind") && record.happened > 1 && !this.#conditions.zombies)
        this.violate("repeated-effect", `${record.kind} at ${place} happened ${record.happened} times`);
      const journal = journals.get(record.runId);
      if (journal === undefined) this.violate("effect-without-run", `${record.kind} at ${place}: no such run`);
      else if (!journal.some((seen) => seen.kind === "intent" && addressed(journal, seen, record.path)))
        this.violate("effect-without-intent", `${record.kind} at ${place}`);
    }
    for (const row of rows) {
      const journal = journals.get(row.id) ?? [];
      if (!journal.some(({ kind }) => kind === "forked")) this.#checkResults(row, journal, paths, effects);
      else if ([...effects.byKey.values()].some(({ runId, happened }) => runId === row.id && happened > 0))
        this.violate("fork-acts", `run ${row.id} is a fork and changed something outside`);
    }
  }

  /** A recorded result of an effect means that it happened. */
  #checkResults(row: RunRow, journal: readonly Seen[], paths: ReadonlyMap<string, string>, effects: Effects): void {
    for (const seen of journal) {
      if (seen.kind !== "result" || seen.meta.failed === true) continue;
      if (seen.meta.effect !== "write" && seen.meta.effect !== "irreversible") continue;
      const key = paths.get(`${row.id} ${pathOf(journal, seen)}`);
      const happened = key === undefined ? 0 : (effects.byKey.get(key)?.happened ?? 0);
      if (happened === 0) this.violate("result-without-effect", `run ${row.id} ${pathOf(journal, seen)}`);
    }
  }
}

/** The operation itself ended, or the map or loop that it was part of. */
function isClosed(closed: ReadonlySet<string>, scope: number, op: string): boolean {
  for (let key = op; key !== ""; key = key.slice(0, Math.max(0, key.lastIndexOf("/"))))
    if (closed.has(`${scope} ${key}`)) return true;
  return false;
}

function metaOf(entry: StoredEntry): EntryMeta {
  return (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
}

/** The address of an entry in its run, through the scopes it lies in. */
function pathOf(journal: readonly Seen[], seen: Seen): string {
  const { scope, op } = seen.entry;
  if (scope === 1) return `0.${op}`;
  const start = journal[scope - 1];
  return start === undefined ? "?" : `${pathOf(journal, start)}.${op}`;
}

function addressed(journal: readonly Seen[], seen: Seen, path: string): boolean {
  return pathOf(journal, seen) === path;
}
