/** Journals that were written once: today's code reads them, asks for the same, and comes to the same end. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Agent, type App, open } from "../../src/index.ts";
import { entryKinds } from "../../src/journal/entry.ts";
import { virtualWorld, type VirtualWorld } from "../../src/testing/index.ts";
import { play } from "./play.ts";
import { scenarios } from "./scenarios.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".jsonl") ? [file.slice(0, -".jsonl".length)] : []));

interface Line {
  readonly kind: string;
  readonly at: number;
  readonly meta?: { readonly status: string };
  readonly body?: unknown;
}

function linesOf(name: string): readonly string[] {
  return readFileSync(join(folder, `${name}.jsonl`), "utf8")
    .trimEnd()
    .split("\n");
}

function agentsOf(name: string) {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`There is no scenario for the golden journal ${name}.`);
  return found.agents;
}

/** How the recorded run ended. */
function endOf(lines: readonly string[]): unknown {
  const { meta, body } = JSON.parse(lines.at(-1) ?? "{}") as Line;
  return meta?.status === "completed" ? { status: "completed", output: body } : { status: meta?.status, failure: body };
}

/** The same run before it ended. */
function unfinished(lines: readonly string[], entries: number): readonly string[] {
  const [header = "{}", ...others] = lines;
  const { run, ...more } = JSON.parse(header) as { run: object };
  return [JSON.stringify({ ...more, run: { ...run, status: "waiting", note: null } }), ...others.slice(0, entries)];
}

describe.each(["memory", "SQLite"] as const)("in %s", (kind) => {
  let place: string;
  let app: App;
  let world: VirtualWorld;

  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), "golden-"));
  });
  afterEach(async () => {
    await app.close();
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  });

  async function opened(name: string): Promise<App> {
    const path = kind === "memory" ? undefined : join(place, "golden.db");
    // Deadlines that the journal holds have not passed yet.
    world = virtualWorld((JSON.parse(linesOf(name).at(-1) ?? "{}") as Line).at);
    app = await open(path, { world, agents: agentsOf(name) });
    return app;
  }

  test.each(names)("%s replays: the same calls, the same values, the same end", async (name) => {
    const lines = linesOf(name);
    const job = await (await opened(name)).import(lines);
    expect(await app.replay(job.runId)).toMatchObject({ status: "same", warnings: [], entries: lines.length - 1 });
    expect(await job.outcome()).toEqual(endOf(lines));
    expect((await app.describe(job.runId)).tree.path).toBe("0");
  });

  test.each(names)("%s goes on from its last entry but one to the same end", async (name) => {
    const lines = linesOf(name);
    const job = await (await opened(name)).import(unfinished(lines, lines.length - 2));
    await world.advance(1_000);
    expect(await job.outcome()).toEqual(endOf(lines));
  });

  test.each(names)("%s is exported as it was imported", async (name) => {
    const lines = linesOf(name);
    const { runId } = await (await opened(name)).import(lines);
    const [header, first, ...others] = await Array.fromAsync(app.export(runId));
    expect(JSON.parse(header ?? "")).toEqual(JSON.parse(lines[0] ?? ""));
    const imported = JSON.parse(first ?? "") as { meta: object };
    const { meta, ...start } = JSON.parse(lines[1] ?? "") as { meta: object };
    expect(imported).toEqual({ ...start, meta: { ...meta, imported: lines.length - 1 } });
    expect(others.map((line) => JSON.parse(line) as unknown)).toEqual(
      lines.slice(2).map((line) => JSON.parse(line) as unknown),
    );
  });
});

test.each(names)("%s, forked at any entry, comes to the same end and does nothing", async (name) => {
  const lines = linesOf(name);
  let ids = 0;
  const world = { ...virtualWorld(Date.UTC(2027, 0, 1)), id: () => `later${++ids}` };
  const app = await open(undefined, { world, agents: agentsOf(name).map(idle) });
  const { runId } = await app.import(lines);
  for (let at = 1; at < lines.length; at++) {
    const fork = await app.fork(runId, { at });
    await world.advance(1_000);
    expect([at, await fork.outcome()]).toEqual([at, endOf(lines)]);
    expect(await app.replay(fork.runId)).toMatchObject({ status: "same" });
  }
  await app.close();
});

/** The same agent, whose tools can do nothing. */
function idle(agent: Agent): Agent {
  const uses = agent.uses.map(idle);
  if (agent.body.type !== "leaf") return { ...agent, uses };
  const execute = () => Promise.reject(new Error(`${agent.name} was done.`));
  return { ...agent, uses, body: { ...agent.body, execute } };
}

describe("golden journals", () => {
  test("cover every kind of entry", () => {
    const covered = new Set(
      names.flatMap((name) =>
        linesOf(name)
          .slice(1)
          .map((line) => (JSON.parse(line) as Line).kind),
      ),
    );
    expect(Object.keys(entryKinds).filter((entryKind) => !covered.has(entryKind))).toEqual([]);
  });

  test("there is one for every scenario", () => {
    expect([...names].sort()).toEqual(scenarios.map(({ name }) => name).sort());
  });

  test.each(scenarios)("$name, played today, ends as it did", async (scenario) => {
    expect(endOf(await play(scenario))).toEqual(endOf(linesOf(scenario.name)));
  });
});
