/** Planted bugs: each breaks one rule of the kernel in a copy. The sweep must catch every one, or its silence proves nothing. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { sweep } from "./sweep.ts";
import type { scenarios } from "./scenarios.ts";

/** A patch that breaks one rule, and the scenario that must show it. */
export interface Plant {
  readonly name: string;
  readonly rule: string;
  readonly scenario: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const plants: readonly Plant[] = [
  {
    name: "unknown-forgotten",
    rule: "a run whose commit did not answer is read again",
    scenario: "sequence",
    file: "runtime/ownership.ts",
    find: '    this.#unknown.add(run.key);\n    if (ConcertatoError.is(error, "store/full"))',
    replace: '    if (ConcertatoError.is(error, "store/full"))',
  },
  {
    name: "claim-forgotten",
    rule: "what a claim that did not answer may have taken is found",
    scenario: "people, evicted",
    file: "runtime/ownership.ts",
    find: "    this.#claimUnknown = true;",
    replace: "    this.#claimUnknown = false;",
  },
  {
    name: "away-is-damaged",
    rule: "a store that is locked for a moment harms no run",
    scenario: "a failed parent's children",
    file: "runtime/store-away.ts",
    find: 'error.code.startsWith("store/") && error.retryable',
    replace: 'error.code === "store/unavailable"',
  },
  {
    name: "timer-left",
    rule: "an app that is closed holds no timer",
    scenario: "sequence",
    file: "runtime/ownership.ts",
    find: "    this.#retry?.();\n",
    replace: "",
  },
  {
    name: "body-runs-again",
    rule: "the body of a scope that is being undone does not run again",
    scenario: "compensation",
    file: "runtime/recovery.ts",
    find: '  scope.frame = "settled";\n  scope.log = [];',
    replace: "  scope.log = [];",
  },
  {
    name: "chain-lost-in-a-jump",
    rule: "what the items of a map registered survives its join",
    scenario: "compensation",
    file: "runtime/results.ts",
    find: "  if (operation.map !== null) added += undoMeta(scope.undo);",
    replace: "  void undoMeta;",
  },
  {
    name: "children-forgotten",
    rule: "the end of a run cancels what it started",
    scenario: "a failed parent's children",
    file: "runtime/scope-end.ts",
    find: "  if (failed) run.cancelChildren = childrenCancel(run.id, written.stored.at);",
    replace: "  void childrenCancel;",
  },
];

const here = dirname(fileURLToPath(import.meta.url));

/** The sweep of a copy with one planted bug; `dispose` removes the copy. */
export async function plantedSweep(plant: Plant): Promise<{
  readonly sweep: typeof sweep;
  readonly scenarios: typeof scenarios;
  readonly dispose: () => Promise<void>;
}> {
  const copy = await mkdtemp(join(tmpdir(), "concertato-sweep-plant-"));
  const dispose = () => rm(copy, { recursive: true, force: true });
  try {
    await cp(join(here, "../src"), join(copy, "src"), { recursive: true });
    await cp(here, join(copy, "sweep"), { recursive: true });
    await writeFile(join(copy, "package.json"), '{"type":"module"}\n');
    await symlink(join(here, "../../../node_modules"), join(copy, "node_modules"), "junction");
    const path = join(copy, "src", plant.file);
    const source = await readFile(path, "utf8");
    if (source.split(plant.find).length !== 2)
      throw new Error(`The plant ${plant.name} is stale: ${plant.file} does not hold its text exactly once.`);
    await writeFile(
      path,
      source.replace(plant.find, () => plant.replace),
    );
    const load = async (file: string) => (await import(pathToFileURL(join(copy, "sweep", file)).href)) as unknown;
    const swept = (await load("sweep.ts")) as { sweep: typeof sweep };
    const found = (await load("scenarios.ts")) as { scenarios: typeof scenarios };
    return { sweep: swept.sweep, scenarios: found.scenarios, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
