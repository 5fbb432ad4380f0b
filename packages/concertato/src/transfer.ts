/**
 * Runs as text, from one store to another. JSON lines: the first describes the run, each other is an entry with its
 * payload in clear, so an export is as confidential as what it holds. References between stores (jumps, blobs) are left
 * out and made anew; references inside a journal are sequence numbers and stay.
 *
 *   {"format":"concertato/run","v":1,"run":{"id":…,"agent":…,"tenant":…,"status":…,…}}
 *   {"seq":1,"kind":"run-started","scope":1,"op":"","name":…,"at":…,"meta":{…},"body":…}
 *   {"seq":2,"kind":"result",…,"body":…,"input":…} or "inputOf":SEQ, the entry whose body is the input
 *
 * After the entries of a run that is open come, where it has any, its named values, and the letters and messages that it
 * has not read:
 *
 *   {"state":"seats","body":7}
 *   {"letter":{"channel":…,"sender":…,"n":1,"at":…},"body":…}
 *   {"message":{"kind":"signal","name":…,"sender":…,"n":1,"at":…},"body":…}
 */
import { fingerprint } from "./kernel/derive.ts";
import { ConcertatoError } from "./kernel/errors.ts";
import { type EntryKind, type EntryMeta, entryKindName, entryKinds, type StoredEntry } from "./journal/entry.ts";
import { byReference, openPayload, readBlobs, sealBlob } from "./journal/large-payload.ts";
import { inputReference, referredSeq } from "./journal/read-entry.ts";
import type { Change, InboxSend, Letter, NewBlob, RunRow, RunStatus, StateWrite, Store } from "./journal/store.ts";
import { isFinalStatus } from "./run-summary.ts";
import type { Engine } from "./runtime/engine.ts";
import { mailSeal } from "./runtime/mail-sending.ts";
import { metaText } from "./runtime/operation.ts";
import { stateOwner, stateSeal } from "./runtime/state-access.ts";

type Create = Extract<Change, { kind: "create" }>;

const format = "concertato/run";

/** The first line. */
interface Header {
  readonly format: typeof format;
  readonly v: 1;
  readonly run: {
    readonly id: string;
    readonly agent: string;
    readonly tenant: string;
    readonly status: RunStatus;
    readonly key: string | null;
    readonly inputHash: string;
    readonly parent: string | null;
    readonly priority: number;
    readonly createdAt: number;
    readonly updatedAt: number;
    readonly note: string | null;
  };
}

/** Every other line. */
interface Line {
  readonly seq: number;
  readonly kind: EntryKind;
  readonly scope: number;
  readonly op: string;
  readonly name: string;
  readonly at: number;
  readonly meta?: EntryMeta;
  readonly body?: unknown;
  readonly input?: unknown;
  readonly inputOf?: number;
}

/** A line after the entries. */
type Belonging =
  | { readonly state: string; readonly body?: unknown }
  | { readonly letter: Omit<Letter, "body">; readonly body?: unknown }
  | { readonly message: Omit<InboxSend, "body">; readonly body?: unknown };

const page = 200;

/** Messages of a run that are read. */
const mostMessages = 100_000;

/** Kinds of messages that a run takes along. Keys and room are of the store where it asked for them. */
const taken: ReadonlySet<InboxSend["kind"]> = new Set(["signal", "child-ended", "budget"]);

/** How often a run that is at work meanwhile is looked at again. */
const mostLooks = 10;

/** The lines of a run, without line breaks. */
export async function* exportRun(engine: Engine, found: RunRow): AsyncGenerator<string, void, undefined> {
  const { store, codec } = engine;
  const { row, belongings } = await atOneMoment(engine, found);
  const { id, agent, tenant, status, startKey: key, inputHash, parent, priority, createdAt, updatedAt, note } = row;
  const run = { id, agent, tenant, status, key, inputHash, parent, priority, createdAt, updatedAt, note };
  yield JSON.stringify({ format, v: 1, run } satisfies Header);
  for (let after = 0; after < row.seq; ) {
    const entries = await store.entries(row.key, after, Math.min(page, row.seq - after));
    if (entries.length === 0) return;
    const blobs = await readBlobs(store, codec, row, entries);
    for (const stored of entries) yield JSON.stringify(lineOf(row, stored, openPayload(codec, row, stored, blobs)));
    after += entries.length;
  }
  for (const belonging of belongings) yield JSON.stringify(belonging);
}

/** A run and what belongs to it, as they were at one moment: of one that is at work, the last that was looked at. */
async function atOneMoment(
  engine: Engine,
  found: RunRow,
): Promise<{ readonly row: RunRow; readonly belongings: readonly Belonging[] }> {
  await engine.codec.prepare(found.tenant);
  let row = found;
  for (let look = 1; ; look++) {
    if (isFinalStatus(row.status)) return { row, belongings: [] };
    const belongings = await belongingsOf(engine, row);
    const now = await engine.store.runByKey(row.key);
    if (now === undefined || now.seq === row.seq || look === mostLooks) return { row, belongings };
    row = now;
  }
}

async function belongingsOf({ store, codec }: Engine, row: RunRow): Promise<readonly Belonging[]> {
  const belongings: Belonging[] = [];
  const bodyOf = (body: string | Uint8Array | null, seal: string): { readonly body?: unknown } =>
    body === null ? {} : { body: JSON.parse(codec.open(row.tenant, seal, body)) as unknown };
  const owner = stateOwner(row, false);
  for (const state of await stateNames(store, row)) {
    const value = await store.readState(owner, state);
    if (value !== undefined) belongings.push({ state, ...bodyOf(value.body, stateSeal) });
  }
  const messages = await store.inbox(row.key, mostMessages);
  // Letters that were handed over and not admitted: receives ask anew where the run goes on.
  for (const { kind, name, sender, n, at, body } of messages)
    if (kind === "mail") belongings.push({ letter: { channel: name, sender, n, at }, ...bodyOf(body, mailSeal) });
  for (const { body, ...letter } of await store.letters(row.key))
    belongings.push({ letter, ...bodyOf(body, mailSeal) });
  for (const { kind, name, sender, n, at, body } of messages)
    if (taken.has(kind)) belongings.push({ message: { kind, name, sender, n, at }, ...bodyOf(body, row.id) });
  return belongings;
}

/** Names of the values that a run has used, as its journal tells. */
async function stateNames(store: Store, row: RunRow): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (let after = 0; after < row.seq; ) {
    const entries = await store.entries(row.key, after, Math.min(page, row.seq - after));
    if (entries.length === 0) break;
    // "set seats": what it did, and to which.
    for (const { name, meta } of entries)
      if (meta?.includes('"verb":"state"') === true) names.add(name.slice(name.indexOf(" ") + 1));
    after += entries.length;
  }
  return names;
}

function lineOf(row: RunRow, { seq, kind, scope, op, name, at, meta }: StoredEntry, text: string | null): Line {
  const known = entryKindName(kind);
  if (known === undefined)
    throw new ConcertatoError({
      code: "journal/damaged",
      message: `Entry ${seq} of run ${row.id} has the kind ${kind}, which this version does not know. Export it with the version that wrote it.`,
      details: { runId: row.id },
    });
  const { blobs: _blobs, size: _size, ...kept } = (meta === null ? {} : JSON.parse(meta)) as EntryMeta;
  return {
    seq,
    kind: known,
    scope,
    op,
    name,
    at,
    ...(metaText(kept) === null ? {} : { meta: kept }),
    ...payload(text),
  };
}

function payload(text: string | null): Pick<Line, "body" | "input" | "inputOf"> {
  if (text === null) return {};
  const cut = text.indexOf("\n");
  const body = cut < 0 ? text : text.slice(0, cut);
  const first = body === "" ? {} : { body: JSON.parse(body) as unknown };
  if (cut < 0) return first;
  const input = text.slice(cut + 1);
  const seq = referredSeq(input);
  return seq === undefined ? { ...first, input: JSON.parse(input) as unknown } : { ...first, inputOf: seq };
}

/** The change that takes an exported run over. @throws ConcertatoError `import/invalid` */
export async function importedRun(
  engine: Engine,
  lines: Iterable<string> | AsyncIterable<string>,
  tenant: string | undefined,
): Promise<Create> {
  let header: Header | undefined;
  let writer: ImportWriter | undefined;
  for await (const line of lines) {
    if (line.trim() === "") continue;
    if (header === undefined || writer === undefined) {
      header = headerOf(line);
      const owner = tenant ?? header.run.tenant;
      await engine.codec.prepare(owner);
      writer = new ImportWriter(engine, owner, header.run.id);
    } else writer.add(line);
  }
  if (header === undefined || writer === undefined) throw invalid("there is no line in it");
  return writer.change(header);
}

function headerOf(line: string): Header {
  const header = parsed(line) as Partial<Header>;
  if (header.format !== format || header.run === undefined)
    throw invalid(`its first line is not that of a "${format}"`);
  if ((header.v as number) !== 1) throw invalid(`it has version ${header.v ?? "?"} and this version reads 1`);
  return header as Header;
}

class ImportWriter {
  readonly #engine: Engine;
  readonly #tenant: string;
  readonly #id: string;
  readonly #entries: StoredEntry[] = [];
  readonly #blobs: NewBlob[] = [];
  readonly #states: StateWrite[] = [];
  readonly #letters: Letter[] = [];
  readonly #messages: InboxSend[] = [];
  #inputText = "";

  constructor(engine: Engine, tenant: string, id: string) {
    this.#engine = engine;
    this.#tenant = tenant;
    this.#id = id;
  }

  add(text: string): void {
    const line = parsed(text) as Line | Belonging;
    if ("seq" in line) this.#addEntry(line);
    else this.#addBelonging(line);
  }

  #addBelonging(line: Belonging): void {
    const sealed = (seal: string) =>
      line.body === undefined ? null : this.#engine.codec.seal(this.#tenant, seal, JSON.stringify(line.body));
    const owner = stateOwner({ id: this.#id, tenant: this.#tenant }, false);
    if ("state" in line) this.#states.push({ owner, name: line.state, body: sealed(stateSeal), expected: null });
    else if ("letter" in line) this.#letters.push({ ...line.letter, body: sealed(mailSeal) });
    else if ("message" in line && taken.has(line.message.kind))
      this.#messages.push({ ...line.message, body: sealed(this.#id) });
    else
      throw invalid(
        `a line of it is neither an entry nor anything else that a run has: ${JSON.stringify(line).slice(0, 80)}`,
      );
  }

  #addEntry(line: Line): void {
    const kind: number | undefined = entryKinds[line.kind];
    const seq = this.#entries.length + 1;
    if (line.seq !== seq) throw invalid(`entry ${line.seq} stands where ${seq} is due`);
    if (kind === undefined) throw invalid(`entry ${seq} has the kind "${line.kind}", which this version does not know`);
    if ((seq === 1) !== (line.kind === "run-started")) throw invalid(`entry ${seq} is ${line.kind}`);
    const { scope, op, name, at, meta = {} } = line;
    const first = line.body === undefined ? null : JSON.stringify(line.body);
    const input = line.inputOf === undefined ? textOf(line.input) : inputReference(line.inputOf);
    if (seq === 1) this.#inputText = first ?? "";
    const kept = this.#kept(first, input, metaText(seq === 1 ? { ...meta, tenant: this.#tenant } : meta));
    const body = kept.plain === null ? null : this.#engine.codec.seal(this.#tenant, this.#id, kept.plain);
    this.#entries.push({ seq, kind, scope, op, name, at, meta: kept.meta, body, jump: null });
  }

  #kept(
    first: string | null,
    input: string | null,
    meta: string | null,
  ): { plain: string | null; meta: string | null } {
    const { codec, largeFrom } = this.#engine;
    if ((first?.length ?? 0) < largeFrom && (input?.length ?? 0) < largeFrom)
      return { plain: input === null ? first : `${first ?? ""}\n${input}`, meta };
    const { plain, meta: named, texts } = byReference(codec, this.#tenant, largeFrom, first, input, meta);
    for (const [hash, text] of texts) this.#blobs.push(sealBlob(codec, this.#tenant, hash, text));
    return { plain, meta: named };
  }

  change({ run }: Header): Create {
    const [first, ...others] = this.#entries;
    const last = this.#entries.at(-1);
    if (first === undefined || last === undefined) throw invalid("it has no entries");
    const ended = isFinalStatus(run.status);
    if (ended !== (last.kind === entryKinds["run-ended"]))
      throw invalid(`it is ${run.status}, and its last entry is not`);
    const meta = { ...((first.meta === null ? {} : JSON.parse(first.meta)) as EntryMeta), imported: last.seq };
    return {
      kind: "create",
      run: {
        id: run.id,
        agent: run.agent,
        tenant: this.#tenant,
        owner: null,
        startKey: run.key,
        inputHash: run.inputHash ?? fingerprint(this.#inputText),
        parent: run.parent,
        at: run.createdAt,
        priority: run.priority,
        ...(meta.fork === undefined ? {} : { forkOf: meta.fork.run }),
        ...(isFinalStatus(run.status) ? { end: { status: run.status, note: run.note, at: run.updatedAt } } : {}),
      },
      entries: [{ ...first, meta: metaText(meta) }, ...others],
      blobs: this.#blobs,
      ...(ended ? {} : { brings: { states: this.#states, letters: this.#letters, messages: this.#messages } }),
    };
  }
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw invalid(`a line of it is not JSON: ${line.slice(0, 80)}`);
  }
}

function invalid(why: string): ConcertatoError {
  return new ConcertatoError({
    code: "import/invalid",
    message: `This is not a run that can be imported: ${why}. Import what app.export wrote, whole and unchanged.`,
  });
}

/** The refusal of a run whose id, or whose key, is taken. */
export function alreadyThere(runId: string): ConcertatoError {
  return new ConcertatoError({
    code: "import/exists",
    message: `Run ${runId}, or another one with its key, is in this store already; nothing was changed. Delete it first, or import into another store.`,
    details: { runId },
  });
}
