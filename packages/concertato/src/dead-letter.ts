/**
 * A failed run is a dead letter: it never changes any more, and what it had begun is not finished. Putting it back makes a
 * new run that takes over what the failed one had done and tries what failed again. Here is decided what that is; the rest
 * is a fork.
 *
 *   done, no failure        taken over, whatever it was
 *   failed and survived     taken over: the body had found another way, and goes it again
 *   failed and ended it     done again, under the same idempotency key: one more attempt
 *   begun, no end recorded  `irreversible`: in doubt; anything else: done (again), under the same key
 *   undone (compensated)    done again, under a new key
 *   claims                  asked for anew: the failed run's are free
 */
import { ConcertatoError, type FailureRecord } from "./kernel/errors.ts";
import { decodeJson, type Json } from "./kernel/json.ts";
import type { Recording, RecordedOperation } from "./journal/recording.ts";
import { readRecording } from "./journal/read-recording.ts";
import type { RunRow } from "./journal/store.ts";
import { type ForkDraft, draftFork } from "./fork.ts";
import { compensationKey } from "./runtime/compensation-chain.ts";
import type { Engine } from "./runtime/engine.ts";
import { readFork } from "./runtime/load-fork.ts";
import { summaryOf } from "./run-summary.ts";

/**
 * The run that goes on in place of a failed one. Under its start key it is found when the failed one is put back again.
 * @throws ConcertatoError `run/retry-refused`
 */
export async function draftRetry(engine: Engine, row: RunRow, principal: string | undefined): Promise<ForkDraft> {
  const { store, codec } = engine;
  const { undone } = summaryOf(row);
  if (undone !== undefined && undone.done < undone.of)
    throw refused(row, `${undone.of - undone.done} of what it had done could not be undone when it failed`);
  const recording = await readRecording(store, codec, row);
  await assertChildrenCompleted(engine, row, recording);
  const anew = causesOf(recording);
  const again = {
    keys: (await readFork(engine, row))?.retry?.keys ?? row.id,
    anew,
    undone: undoneScopes(recording, anew),
  };
  const options = { effects: { elsewhere: "live" }, key: `retry:${row.id}` } as const;
  return draftFork(engine, row, options, principal, again);
}

/** Addresses of the failed operations that the run's failure came from; none where its own code failed. */
function causesOf({ operations, end }: Recording): readonly string[] {
  const failed = (path: string | undefined): path is string => operations.get(path ?? "")?.end?.failed === true;
  const named = pathsOf(failureIn(end?.text ?? null)).filter(failed);
  if (named.length > 0) return named;
  // A body that throws an error of its own mostly does so because of what failed last.
  const last = [...operations.values()].filter(isWork).sort((a, b) => (b.end?.seq ?? 0) - (a.end?.seq ?? 0))[0];
  return last?.end?.failed === true ? [last.path] : [];
}

function isWork({ verb, path, end }: RecordedOperation): boolean {
  return end !== undefined && verb !== "state" && !path.endsWith(`.${compensationKey}`);
}

/** Where a failure happened; of one with several causes, where each did. */
function pathsOf(failure: Partial<FailureRecord> | undefined): readonly string[] {
  if (failure === undefined) return [];
  const causes = failure.details?.["causes"];
  const inner =
    typeof causes === "object" && causes !== null && !Array.isArray(causes)
      ? Object.values(causes as { readonly [name: string]: Json }).flatMap((cause) =>
          pathsOf(cause as Partial<FailureRecord> | undefined),
        )
      : [];
  return inner.length > 0 ? inner : [failure.path ?? ""];
}

function failureIn(text: string | null): Partial<FailureRecord> | undefined {
  return text === null ? undefined : (decodeJson(text) as unknown as Partial<FailureRecord>);
}

/** Scopes around the causes whose compensations ran. */
function undoneScopes({ operations }: Recording, causes: readonly string[]): readonly string[] {
  const ending = `.${compensationKey}`;
  return [...operations.keys()]
    .filter((path) => path.endsWith(ending))
    .map((path) => path.slice(0, -ending.length))
    .filter((scope) => causes.length === 0 || causes.some((path) => path.startsWith(`${scope}.`)))
    .flatMap(generations);
}

/** A run that began anew took along what it had registered: all of its bodies were undone. */
function generations(scope: string): readonly string[] {
  const last = Number(/^0~(\d+)$/.exec(scope)?.[1] ?? 0);
  return last === 0 ? [scope] : ["0", ...Array.from({ length: last - 1 }, (_, index) => `0~${index + 2}`)];
}

/** What runs of its own have done is not this run's to take over or to repeat. */
async function assertChildrenCompleted({ store }: Engine, row: RunRow, { operations }: Recording): Promise<void> {
  for (const { verb, end } of operations.values()) {
    if (verb !== "start" || end === undefined || end.failed) continue;
    const { runId = "" } = (decodeJson(end.text) ?? {}) as { readonly runId?: string };
    const child = await store.run(runId);
    if (child?.status === "completed") continue;
    throw refused(row, `run ${runId}, which it started, is ${child?.status ?? "gone"}`);
  }
}

function refused(row: RunRow, why: string): ConcertatoError {
  return new ConcertatoError({
    code: "run/retry-refused",
    message: `Run ${row.id} is not put back: ${why}. Look at it with "concertato show ${row.id}", and start a new run, or fork this one, once that is settled.`,
    details: { runId: row.id },
  });
}
