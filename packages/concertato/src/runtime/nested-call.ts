/** Calls of workflows: as a scope of the same run, or as a run of its own. */
import { derivedId, fingerprint } from "../kernel/derive.ts";
import { toFailureRecord } from "../kernel/errors.ts";
import { encodeJson } from "../kernel/json.ts";
import { type Limits, type Slice, type StoredEntry, entryKinds } from "../journal/entry.ts";
import { byReference, sealBlob } from "../journal/large-payload.ts";
import type { NewBlob, NewRun } from "../journal/store.ts";
import { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import { assertDepth, handedOver } from "./hand-over.ts";
import { accountOf, limitScope } from "./ledger.ts";
import { grantOf } from "./slice.ts";
import { innermost, type Operation, metaText, revisionMeta } from "./operation.ts";
import { ensureStarted, finish, lastResult } from "./results.ts";
import { Scope } from "./scope.ts";
import { validateNow } from "./validation.ts";
import { boundAgent } from "./work.ts";

const noTexts: ReadonlyMap<string, string> = new Map();

/** Calls a workflow: a scope of its own, which writes nothing until it has something of its own to record. */
export function callScope(engine: Engine, operation: Operation): void {
  const { scope, target, child: known } = operation;
  if (target === null) return;
  if (known !== null) {
    known.agent ??= target;
    if (known.wanted && known.frame === "none") {
      known.wanted = false;
      engine.enqueue(known);
    }
    return;
  }
  operation.state = "pending";
  const child = new Scope(scope.run, operation, operation.agent, target, new Container(innermost(operation)));
  child.startedAt = scope.now;
  child.revision = scope.run.direction?.revisionOf(operation) ?? target.revision ?? 1;
  let narrows: boolean;
  try {
    assertDepth(operation);
    const limits = handedOver(operation, child.startedAt);
    if (limits !== null) engine.watchDeadline(limitScope(child, limits));
    const input = validateNow(boundAgent(target).input, operation.input, `input of ${target.kind} ${target.name}`);
    child.inputText = encodeJson(input, `input of ${target.kind} ${target.name}`);
    narrows = limits?.tools !== undefined;
  } catch (error) {
    return finish(operation, toFailureRecord(error, operation.path));
  }
  operation.inputText = child.inputText;
  operation.inputOf = lastResult(scope, child.inputText);
  operation.child = child;
  // What it may use is known to whoever asks later, also when it uses nothing.
  if (narrows) ensureStarted(child);
  engine.register(target);
  engine.enqueue(child);
}

/** Starts a run of its own. Its id is derived, so a repeated start finds the same run. */
export function startChild(engine: Engine, operation: Operation): void {
  if (operation.state !== "issued") return;
  operation.state = "pending";
  const { scope } = operation;
  const { run } = scope;
  const target = engine.agent(operation.agent);
  try {
    assertDepth(operation);
    const granted = grantOf(operation, handedOver(operation, scope.now));
    if ("budget" in granted) return engine.withoutSlice(operation, granted);
    const { limits, slice } = granted;
    const bound = target === undefined ? undefined : boundAgent(target);
    const input = validateNow(bound?.input, operation.input, `input of ${operation.name}`);
    const text = encodeJson(input, `input of ${operation.name}`);
    const id = `${run.id.split("_")[0] ?? "run"}_${derivedId(run.id, operation.path, 0)}`;
    const { created, entries, blobs } = firstEntries(engine, {
      id,
      agent: operation.agent,
      tenant: run.tenant,
      parent: run.id,
      inputText: text,
      owner: null,
      startKey: null,
      // What is urgent about a run is urgent about what it starts.
      priority: run.priority,
      meta: {
        ...(limits === null ? {} : { limits }),
        ...(slice === null ? {} : { slice: { path: operation.path, of: slice.toUsage() ?? {} } }),
      },
    });
    run.creates.push({ run: operation.detached ? { ...created, detached: true } : created, entries, blobs });
    ensureStarted(scope);
    if (slice !== null) accountOf(run, innermost(operation)).lend(slice);
    const lent =
      slice === null ? "" : `,"slice":${JSON.stringify({ path: operation.path, of: slice.toUsage() ?? {} })}`;
    run.write("child-started", scope, {
      op: operation.key,
      name: operation.name,
      meta: `{"verb":"start","agent":${JSON.stringify(operation.agent)}${operation.detached ? ',"detached":true' : ""}${lent}}`,
      text: JSON.stringify({ runId: id }),
      operation,
      container: innermost(operation),
    });
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
  }
}

/** The row and first entry of a new run, and the input where it is large. */
export function firstEntries(
  engine: Engine,
  draft: {
    readonly id: string;
    readonly agent: string;
    readonly tenant: string;
    readonly parent: string | null;
    readonly inputText: string | null;
    readonly owner: number | null;
    readonly startKey: string | null;
    readonly priority: number;
    readonly meta: {
      readonly principal?: string;
      readonly onBehalfOf?: string;
      readonly limits?: Limits;
      readonly slice?: Slice;
    };
  },
): { readonly created: NewRun; readonly entries: StoredEntry[]; readonly blobs: readonly NewBlob[] } {
  const at = engine.world.clock.now();
  const { id, agent, tenant, parent, inputText, owner, startKey, priority } = draft;
  const known = engine.agent(agent);
  const agentOwner = known?.owner;
  const meta = metaText({
    tenant,
    ...draft.meta,
    agent,
    ...(agentOwner === undefined ? {} : { agentOwner }),
    ...revisionMeta(known?.revision ?? 1),
    ...(parent === null ? {} : { causes: [parent] }),
  });
  const large = inputText !== null && inputText.length >= engine.largeFrom;
  const kept = large
    ? byReference(engine.codec, tenant, engine.largeFrom, inputText, null, meta)
    : { plain: inputText, meta, texts: noTexts };
  const entry: StoredEntry = {
    seq: 1,
    kind: entryKinds["run-started"],
    scope: 1,
    op: "",
    name: agent,
    at,
    meta: kept.meta,
    body: kept.plain === null ? null : engine.codec.seal(tenant, id, kept.plain),
    jump: null,
  };
  const blobs = Array.from(kept.texts, ([hash, text]) => sealBlob(engine.codec, tenant, hash, text));
  const inputHash = fingerprint(inputText ?? "");
  const created: NewRun = { id, agent, tenant, owner, startKey, inputHash, parent, at, priority };
  return { created, entries: [entry], blobs };
}
