/**
 * The supervisor: lets a writer work on a disk made of image files, and again and again
 *
 *   stops it      at a random moment, or around a checkpoint; everything that it has said is taken down
 *   cuts          copies the disk as it is without the system's cache
 *   judges        the copy is mounted, a survivor opens the store there and goes on, the checker compares
 *   goes on       the writer resumes; or is killed, or closes, and another opens its file; or begins with a new file
 */
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Durability } from "concertato";
import { Child } from "../torture/child-process.ts";
import { Random } from "../torture/random.ts";
import { Acknowledged } from "./acknowledged.ts";
import { check, type Finding, type Judgement } from "./checker.ts";
import { command } from "./command.ts";
import { Images } from "./images.ts";
import type { Found, SurvivorOptions, WriterLine, WriterOptions } from "./lines.ts";
import type { PaceName } from "./load.ts";
import { LogWatch } from "./log-watch.ts";
import { editedWriter } from "./edited-copy.ts";
import { type PlantName, plantOf, slowSyncs } from "./plants.ts";
import { WriterProcess } from "./writer-process.ts";

export interface PowerCutOptions {
  readonly cuts: number;
  readonly durability: Durability;
  /** How the writers work; `mixed` draws it anew for every writer. */
  readonly load: PaceName | "mixed";
  /** The disk has a cache of its own, which the cut empties too. */
  readonly driveCache: boolean;
  /** The disk is slow, so that cuts meet syncs under way. */
  readonly slowSync: boolean;
  /** What a second connection sees counts as acknowledged too. */
  readonly observer: boolean;
  /** No cut before so much was acknowledged: a slow machine must not make the proof empty. Default 0. */
  readonly leastAcknowledged?: number;
  readonly seed: string;
  readonly plant: PlantName | null;
  /** Keeps the folder with the images. */
  readonly keep: boolean;
}

/** Where a cut fell, as far as the files tell. */
export type Place = "between" | "in a checkpoint" | "after a restart of the log";

export interface Cut {
  readonly number: number;
  readonly pace: PaceName;
  readonly place: Place;
  /** How often the log had begun anew. */
  readonly restarts: number;
  /** Starts, entries, outcomes and signals that had been acknowledged. */
  readonly acknowledged: number;
  /** Effects that had begun. */
  readonly effects: number;
  /** Runs and entries that were found. */
  readonly runs: number;
  readonly entries: number;
  /** Effects in doubt that a person resolved after the cut. */
  readonly doubts: number;
  readonly judgement: Judgement;
}

export interface PowerCutReport {
  readonly options: PowerCutOptions;
  readonly seconds: number;
  readonly cuts: readonly Cut[];
  /** Faults of writers: none is expected. */
  readonly faults: readonly Finding[];
  readonly folder: string | null;
}

/** @param signal ends it early: what it started is killed, what it mounted unmounted, the folder removed */
export async function powerCut(
  options: PowerCutOptions,
  watch: (cut: Cut) => void,
  signal: AbortSignal,
): Promise<PowerCutReport> {
  const folder = mkdtempSync(join(tmpdir(), "concertato-power-cut-"));
  const bench = new Bench(options, folder, watch, signal);
  try {
    return await bench.run();
  } finally {
    // Nothing is removed while something is still mounted in the folder: that throws first.
    await bench.dispose();
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** Given to a writer that should close by itself. */
const closeMs = 10_000;

/** Longest wait for a checkpoint; then the cut comes where it comes. */
const checkpointMs = 15_000;

/** A cut so soon after the log began anew meets the commits that overwrite its start. */
const justRestartedMs = 60;

/** A database, a writer on it, and what was acknowledged of it. */
interface Session {
  readonly file: string;
  readonly acknowledged: Acknowledged;
  readonly pace: PaceName;
  readonly writer: WriterProcess;
}

class Bench {
  readonly #options: PowerCutOptions;
  readonly #folder: string;
  readonly #watch: (cut: Cut) => void;
  readonly #signal: AbortSignal;
  readonly #random: Random;
  readonly #faults: Finding[] = [];
  readonly #began = performance.now();
  #script = new URL("writer.ts", import.meta.url).href;
  #images: Images | null = null;
  #session: Session | null = null;
  #survivor: Child | null = null;
  #writers = 0;
  #stores = 0;

  constructor(options: PowerCutOptions, folder: string, watch: (cut: Cut) => void, signal: AbortSignal) {
    this.#options = options;
    this.#folder = folder;
    this.#watch = watch;
    this.#signal = signal;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<PowerCutReport> {
    const { plant, driveCache, slowSync } = this.#options;
    const edits = [...(slowSync ? slowSyncs : []), ...(plant === null ? [] : plantOf(plant).edits)];
    if (edits.length > 0) this.#script = await editedWriter(edits, join(this.#folder, "edited"));
    const images = await Images.make(this.#folder, driveCache);
    this.#images = images;
    const cuts: Cut[] = [];
    let session = await this.#begin(images);
    while (cuts.length < this.#options.cuts) {
      const cut = await this.#cut(images, session, cuts.length + 1);
      cuts.push(cut);
      this.#watch(cut);
      session = await this.#goOn(images, session, cut.judgement);
    }
    const seconds = (performance.now() - this.#began) / 1000;
    const folder = this.#options.keep ? this.#folder : null;
    return { options: this.#options, seconds, cuts, faults: this.#faults, folder };
  }

  async dispose(): Promise<void> {
    this.#survivor?.kill();
    await Promise.all([this.#session?.writer.kill(), this.#survivor?.gone]);
    await this.#images?.dispose();
  }

  // --- one cut ----------------------------------------------------------------------------------------------------

  async #cut(images: Images, session: Session, number: number): Promise<Cut> {
    const { writer, acknowledged, pace, file } = session;
    const store = relative(images.live, file);
    const log = new LogWatch(file);
    await this.#untilAcknowledged(acknowledged);
    const place = pace === "bulky" ? await this.#nearCheckpoint(log) : await this.#anyMoment();
    await writer.stop(this.#random.chance(0.5));
    const { restarts } = log.state();
    await images.cut();
    const found = await images.revive((folder) => this.#survive(join(folder, store), acknowledged));
    this.#signal.throwIfAborted();
    return {
      number,
      pace,
      place,
      restarts,
      acknowledged: acknowledged.count,
      effects: acknowledged.begun.length,
      runs: found.runs.length,
      entries: found.runs.reduce((sum, { prints }) => sum + prints.length, 0),
      doubts: found.doubts,
      judgement: check(acknowledged, found, this.#options.durability),
    };
  }

  async #untilAcknowledged(acknowledged: Acknowledged): Promise<void> {
    const least = this.#options.leastAcknowledged ?? 0;
    const deadline = performance.now() + checkpointMs;
    while (acknowledged.count < least && performance.now() < deadline) await this.#pause(2);
  }

  /** Sometimes when a writer has only just opened what another left. */
  async #anyMoment(): Promise<Place> {
    const soon = this.#random.chance(0.25);
    await this.#pause(soon ? this.#random.between(0, 20) : this.#random.between(20, 500));
    return "between";
  }

  /** In the middle of a checkpoint, or when the log has just begun anew. */
  async #nearCheckpoint(log: LogWatch): Promise<Place> {
    const inside = this.#random.chance(0.5);
    const before = log.state().restarts;
    const deadline = performance.now() + checkpointMs;
    for (let state = log.state(); !(inside ? state.copying : state.restarts > before); state = log.state()) {
      if (performance.now() > deadline) return "between";
      await this.#pause(1);
    }
    await this.#pause(this.#random.between(0, inside ? 30 : justRestartedMs));
    return log.state().restarts === before && inside ? "in a checkpoint" : "after a restart of the log";
  }

  async #survive(file: string, { begun }: Acknowledged): Promise<Found> {
    const result = join(this.#folder, "found.json");
    rmSync(result, { force: true });
    const { durability } = this.#options;
    const options: SurvivorOptions = { file, world: this.#memory(begun), result, durability };
    const script = new URL("survivor.ts", import.meta.url).href;
    this.#survivor = new Child({ name: "survivor", script, args: [JSON.stringify(options)], cache: this.#cache });
    const reason = await this.#survivor.gone;
    this.#signal.throwIfAborted();
    if (reason !== null) return nothingFound(reason);
    // The survivor wrote it.
    return JSON.parse(readFileSync(result, "utf8")) as Found;
  }

  /** What the world remembers, for a process that is about to start. */
  #memory(begun: Acknowledged["begun"]): string {
    const file = join(this.#folder, "world.json");
    writeFileSync(file, JSON.stringify(begun));
    return file;
  }

  // --- writers ----------------------------------------------------------------------------------------------------

  /** A writer on a new file, in a folder that is on the disk already. */
  #begin(images: Images): Promise<Session> {
    const folder = join(images.live, `store-${++this.#stores}`);
    mkdirSync(folder);
    syncFolder(images.live);
    return this.#write(join(folder, "store.db"), new Acknowledged());
  }

  async #write(file: string, acknowledged: Acknowledged): Promise<Session> {
    const name = `w${++this.#writers}`;
    const pipe = join(this.#folder, `${name}.pipe`);
    await command("mkfifo", pipe);
    const pace = this.#pace();
    const { durability, seed, observer } = this.#options;
    const world = this.#memory(acknowledged.begun);
    const options: WriterOptions = { file, pipe, name, seed, durability, pace, observer, world };
    const onLine = (line: WriterLine): void => this.#heard(acknowledged, line);
    const writer = new WriterProcess({ script: this.#script, options, cache: this.#cache, onLine });
    const session = { file, acknowledged, pace, writer };
    this.#session = session;
    void writer.gone.then((reason) => reason !== null && this.#fault(reason));
    await writer.ready();
    rmSync(pipe);
    return session;
  }

  #pace(): PaceName {
    const { load } = this.#options;
    return load === "mixed" ? this.#random.pick(["calm", "busy", "reading"] as const) : load;
  }

  #heard(acknowledged: Acknowledged, line: WriterLine): void {
    acknowledged.hear(line);
    if (line.say === "report" && !line.code.startsWith("store/")) this.#fault(`${line.code} ${line.message}`);
  }

  #fault(detail: string): void {
    this.#faults.push({ rule: "process", subject: "writer", detail });
  }

  /** After a violation it begins anew, so that one fault is not counted at every further cut. */
  async #goOn(images: Images, session: Session, { violations }: Judgement): Promise<Session> {
    const roll = this.#random.next();
    const { writer, file, acknowledged } = session;
    if (violations.length > 0 || roll < 0.3) {
      await writer.kill();
      rmSync(dirname(file), { recursive: true });
      return this.#begin(images);
    }
    if (roll < 0.7) {
      writer.resume();
      return session;
    }
    if (roll < 0.9) await writer.kill();
    else await writer.close(closeMs);
    return this.#write(file, acknowledged);
  }

  get #cache(): string {
    const cache = join(this.#folder, "cache");
    mkdirSync(cache, { recursive: true });
    return cache;
  }

  /** Ends early when the whole does. */
  async #pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#signal });
  }
}

/** Of a survivor that ended by itself. */
function nothingFound(reason: string): Found {
  const none = { runs: [], unsignalled: [], begun: [], unfinished: [], altered: [] };
  return { ...none, integrity: "not read", doubts: 0, reports: [reason] };
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  fsyncSync(fd);
  closeSync(fd);
}

/** True when one of the plant's own rules noticed it. */
export function plantCaught({ options, cuts }: PowerCutReport): boolean {
  if (options.plant === null) return false;
  const { rules } = plantOf(options.plant);
  return cuts.some(({ judgement }) => judgement.violations.some(({ rule }) => rules.includes(rule)));
}

/** Everything that must not be. */
export function violationsOf({ cuts, faults }: PowerCutReport): readonly Finding[] {
  return [...faults, ...cuts.flatMap(({ judgement }) => judgement.violations)];
}
