/**
 * Makes a fork: a new run whose journal begins with a run's first entries, sealed anew, and goes on by itself. The
 * original is read and never changed. Who executes the fork, and when, is left to the processes that have its agent.
 */
import { fingerprint } from "./kernel/derive.ts";
import { ConcertatoError } from "./kernel/errors.ts";
import { decodeJson, encodeJson, type Json } from "./kernel/json.ts";
import { type EntryMeta, entryKinds, type StoredEntry } from "./journal/entry.ts";
import { blobsOf, byReference, sealBlob } from "./journal/large-payload.ts";
import type { NewBlob, NewRun, RunRow } from "./journal/store.ts";
import { readEntries } from "./journal/read-recording.ts";
import { type Agent, agentId } from "./runtime/agent.ts";
import type { Engine } from "./runtime/engine.ts";
import type {
  ByEffect,
  ForkDescription,
  ForkElsewhere,
  ForkMode,
  RetriedRun,
  StubFunctions,
} from "./runtime/fork-description.ts";
import { metaText } from "./runtime/operation.ts";
import { validateNow } from "./runtime/validation.ts";
import { boundAgent } from "./runtime/work.ts";

/** What a fork does where it reaches outside itself. */
export interface ForkEffects extends Partial<ByEffect<ForkMode>> {
  /** Answers of people, and signals. Default "recorded"; what is not recorded is asked. */
  readonly people?: ForkMode;
  /** Sleeps. Default "recorded": one that the original slept to its end is passed over at once. */
  readonly time?: ForkMode;
  /**
   * What happens where nothing fitting is recorded: "live" does it, "stop" ends the fork as `stopped`. Default: reads
   * are done, writes and irreversible effects stop it.
   */
  readonly elsewhere?: ForkElsewhere | Partial<ByEffect<ForkElsewhere>>;
  /**
   * What tools, steps and people of these names are to answer, instead of anything recorded or live. Values are kept
   * with the fork; functions are known to this process only, and another one that takes the fork over asks instead.
   */
  readonly stubs?: { readonly [name: string]: Json | ((input: unknown) => unknown) };
}

/** Where a fork leaves its original, and what is different from there on. */
export interface ForkOptions {
  /** Seq of the last entry to take over. Default 1: from the beginning. The end of a run is not taken over. */
  readonly at?: number;
  /** Another input; from the beginning only. */
  readonly input?: unknown;
  /** Another state for the turn of `ctx.loop` that begins at this entry (a `loop-advanced`). */
  readonly state?: unknown;
  /** Other values of the run's own `ctx.state` at that point, by name. */
  readonly values?: { readonly [name: string]: Json };
  /** Another version of the run's agent. Default: the version the run was started with. */
  readonly agent?: Agent;
  /**
   * Default: everything the original recorded is taken over where the same is asked for again, so a fork pays nothing
   * twice; elsewhere reads are done anew and other effects stop the fork.
   */
  readonly effects?: ForkEffects;
  /** The same key finds the same fork. */
  readonly key?: string;
  readonly principal?: string;
}

/** A fork to be created. */
export interface ForkDraft {
  readonly created: NewRun;
  readonly entries: readonly StoredEntry[];
  readonly blobs: readonly NewBlob[];
  readonly functions: StubFunctions;
}

/** Reads the original and puts the fork together. @throws ConcertatoError `fork/invalid`, `agent/input-invalid` */
export async function draftFork(
  engine: Engine,
  source: RunRow,
  options: ForkOptions,
  principal: string | undefined,
  retry?: RetriedRun,
): Promise<ForkDraft> {
  const { codec, world } = engine;
  await codec.prepare(source.tenant);
  const at = options.at ?? 1;
  assertPoint(source, options, at);
  const agent = forkedAgent(source, options.agent);
  const taken = withoutEnd(await readEntries(engine.store, source.key, at));
  const [first, ...others] = taken;
  if (first === undefined) throw invalid(source, `it has no entry ${at}`);
  const id = `run_${world.id()}`;
  const writer = new ForkWriter(engine, source, id);
  const inputText = options.input === undefined ? undefined : inputOf(engine, agent, options.input);
  const { values, functions } = splitStubs(options.effects?.stubs ?? {});
  const description = {
    ...describe(source, taken.length, options.effects ?? {}, values, Object.keys(functions)),
    ...(options.values === undefined ? {} : { values: options.values }),
    ...(retry === undefined ? {} : { retry }),
  };
  const meta = firstMeta(first, source, taken.length, options, agent, principal);
  // The time between is nobody's: deadlines of limits are put off by it.
  const later = Math.max(0, world.clock.now() - (taken.at(-1)?.at ?? first.at));
  const start = { ...first, name: agent, meta: putOff(meta, later) };
  const entries: StoredEntry[] = [
    inputText === undefined ? writer.copied(start) : writer.edited(start, inputText),
    ...others.map((entry) => writer.copied({ ...entry, meta: putOff(withoutUsage(entry), later) })),
  ];
  if (options.state !== undefined) entries.push(withState(source, writer, entries.pop(), options.state));
  entries.push(
    writer.edited(
      {
        seq: taken.length + 1,
        kind: entryKinds.forked,
        scope: 1,
        op: "",
        name: source.id,
        // The time of what was taken over: a fork lives in recorded time until something happens anew.
        at: taken.at(-1)?.at ?? first.at,
        meta: null,
        body: null,
        jump: null,
      },
      encodeJson(description, "stubs of a fork"),
    ),
  );
  const created: NewRun = {
    id,
    agent,
    tenant: source.tenant,
    owner: null,
    startKey: options.key ?? null,
    inputHash: fingerprint(`${source.id} ${taken.length} ${inputText ?? ""}`),
    parent: null,
    at: world.clock.now(),
    priority: source.priority,
    forkOf: source.id,
  };
  return { created, entries, blobs: await writer.blobs(), functions };
}

/** Entries of one run as those of another, of the same tenant: sealed anew, large payloads shared. */
class ForkWriter {
  readonly #engine: Engine;
  readonly #source: RunRow;
  readonly #id: string;
  readonly #copied = new Set<string>();
  readonly #made: NewBlob[] = [];

  constructor(engine: Engine, source: RunRow, id: string) {
    this.#engine = engine;
    this.#source = source;
    this.#id = id;
  }

  /** Jumps lead to entries of the other run and are left out. */
  copied(entry: StoredEntry): StoredEntry {
    const { codec } = this.#engine;
    const { tenant, id } = this.#source;
    for (const hash of blobsOf(entry.meta)) this.#copied.add(hash);
    const body = entry.body === null ? null : codec.seal(tenant, this.#id, codec.open(tenant, id, entry.body));
    return { ...entry, body, jump: null };
  }

  edited(entry: StoredEntry, text: string | null): StoredEntry {
    const { codec } = this.#engine;
    const { tenant } = this.#source;
    const { blobs: _blobs, size: _size, ...meta } = metaOf(entry);
    if (text === null) return { ...entry, meta: metaText(meta), body: null, jump: null };
    const kept =
      text.length < this.#engine.largeFrom
        ? { plain: text, meta: metaText(meta), texts: new Map<string, string>() }
        : byReference(codec, tenant, this.#engine.largeFrom, text, null, metaText(meta));
    for (const [hash, large] of kept.texts) this.#made.push(sealBlob(codec, tenant, hash, large));
    return { ...entry, meta: kept.meta, body: codec.seal(tenant, this.#id, kept.plain), jump: null };
  }

  /** What the entries refer to. Sealed blobs belong to their tenant, so they are handed on as they are. */
  async blobs(): Promise<readonly NewBlob[]> {
    if (this.#copied.size === 0) return this.#made;
    const found = await this.#engine.store.blobs(this.#source.key, [...this.#copied]);
    return [...this.#made, ...Array.from(found, ([hash, body]) => ({ hash, body }))];
  }
}

function assertPoint(source: RunRow, { input, state }: ForkOptions, at: number): void {
  if (!Number.isInteger(at) || at < 1 || at > source.seq)
    throw invalid(source, `it has no entry ${at}; its last is ${source.seq}`);
  if (input !== undefined && at > 1)
    throw invalid(source, `another input belongs to the beginning, and entry ${at} is after it; leave "at" away`);
  if (state !== undefined && at === 1)
    throw invalid(source, "another state belongs to a turn of a loop; give the seq of its loop-advanced entry");
}

function forkedAgent(source: RunRow, agent: Agent | undefined): string {
  if (agent === undefined) return source.agent;
  if (agent.name === source.agent.split("@")[0]) return agentId(agent);
  throw invalid(source, `it runs ${source.agent}, and ${agentId(agent)} is another agent, not another version`);
}

/** How a run ended, or that it was parked, is its own affair. */
function withoutEnd(entries: readonly StoredEntry[]): readonly StoredEntry[] {
  const last = entries.findLastIndex(({ kind }) => kind !== entryKinds["run-ended"] && kind !== entryKinds.diverged);
  return entries.slice(0, last + 1);
}

function inputOf(engine: Engine, agent: string, input: unknown): string | null {
  const known = engine.agent(agent);
  const check = known === undefined ? undefined : boundAgent(known).input;
  return encodeJson(validateNow(check, input, `input of ${agent}`), `input of ${agent}`);
}

function firstMeta(
  first: StoredEntry,
  source: RunRow,
  at: number,
  { input, agent: given }: ForkOptions,
  agent: string,
  principal: string | undefined,
): string | null {
  const {
    causes: _causes,
    edited: _edited,
    ...meta
  } = (first.meta === null ? {} : JSON.parse(first.meta)) as EntryMeta;
  // What was taken over was asked for under the recorded revision; a fork with other code begins under that code's.
  const revision = given !== undefined && at === 1 ? (given.revision ?? 1) : meta.revision;
  return metaText({
    ...meta,
    agent,
    ...(principal === undefined ? {} : { principal }),
    ...(revision === undefined ? {} : { revision }),
    ...(input === undefined ? {} : { edited: true }),
    causes: [source.id],
    fork: { run: source.id, at },
    // What bodies drew from it is in the entries that are taken over.
    seed: meta.seed ?? source.id,
  });
}

function withState(source: RunRow, writer: ForkWriter, last: StoredEntry | undefined, state: unknown): StoredEntry {
  if (last?.kind !== entryKinds["loop-advanced"])
    throw invalid(source, `no turn of a loop begins at entry ${last?.seq ?? 1}; fork at a loop-advanced entry`);
  const meta = metaOf(last);
  const text = encodeJson(state, "state of a fork");
  return writer.edited(
    { ...last, meta: metaText({ ...meta, edited: true, ...wholeHistories(source, meta, text) }) },
    text,
  );
}

/** Histories of an edited state are stored whole: nothing of the turns before comes first. */
function wholeHistories(source: RunRow, { appends }: EntryMeta, text: string | null): Pick<EntryMeta, "appends"> {
  if (appends === undefined) return {};
  const state = decodeJson(text);
  for (const name of Object.keys(appends)) {
    const items = name === "" ? state : (state as Record<string, unknown> | undefined)?.[name];
    if (!Array.isArray(items))
      throw invalid(source, `the state has a history${name === "" ? "" : ` at "${name}"`}; give its items as a list`);
  }
  return { appends: Object.fromEntries(Object.keys(appends).map((name) => [name, 0])) };
}

function metaOf(entry: StoredEntry): EntryMeta {
  return (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
}

/** What the original used is not used again. */
function withoutUsage(entry: StoredEntry): string | null {
  if (entry.meta?.includes('"usage":') !== true) return entry.meta;
  const { usage: _usage, ...meta } = metaOf(entry);
  return metaText(meta);
}

function putOff(meta: string | null, ms: number): string | null {
  if (meta?.includes('"limits":') !== true) return meta;
  const { limits, ...more } = JSON.parse(meta) as EntryMeta;
  if (limits?.deadline === undefined) return meta;
  return metaText({ ...more, limits: { ...limits, deadline: limits.deadline + ms } });
}

function splitStubs(stubs: NonNullable<ForkEffects["stubs"]>): {
  readonly values: { readonly [name: string]: Json };
  readonly functions: StubFunctions;
} {
  const values: { [name: string]: Json } = {};
  const functions: { [name: string]: (input: unknown) => unknown } = {};
  for (const [name, stub] of Object.entries(stubs)) {
    if (typeof stub === "function") functions[name] = stub;
    else values[name] = stub;
  }
  return { values, functions };
}

function describe(
  source: RunRow,
  at: number,
  effects: ForkEffects,
  stubs: { readonly [name: string]: Json },
  functions: readonly string[],
): ForkDescription {
  const { read = "recorded", write = "recorded", irreversible = "recorded", elsewhere = {} } = effects;
  const all =
    typeof elsewhere === "string" ? { read: elsewhere, write: elsewhere, irreversible: elsewhere } : elsewhere;
  return {
    from: { run: source.id, at, until: source.seq },
    effects: { read, write, irreversible },
    elsewhere: { read: all.read ?? "live", write: all.write ?? "stop", irreversible: all.irreversible ?? "stop" },
    people: effects.people ?? "recorded",
    time: effects.time ?? "recorded",
    stubs,
    functions,
  };
}

function invalid(source: RunRow, why: string): ConcertatoError {
  return new ConcertatoError({
    code: "fork/invalid",
    message: `Run ${source.id} cannot be forked so: ${why}.`,
    details: { runId: source.id, seq: source.seq },
  });
}
