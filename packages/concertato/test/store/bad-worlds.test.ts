/**
 * Bad worlds: a disk that is full or may not be written to, a file on a network, values that cannot be stored. Nothing that was
 * accepted is lost, and whoever calls hears what is wrong, where, and what to do. Disks of a wanted size need Linux and root;
 * without them the tests say so in their names.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import type { Outcome } from "../../src/app.ts";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { open } from "../../src/open.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { failure } from "../runtime/lab.ts";

let folder: string;
let mounted: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-worlds-"));
  mounted = [];
});
afterEach(() => {
  for (const place of mounted) execFileSync("umount", [place]);
  rmSync(folder, { recursive: true, force: true });
});

const codeOf = (error: unknown): string => (ConcertatoError.is(error) ? error.code : String(error));

/** Why no disk can be made here. */
function reasonAgainstDisks(): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs Linux and root";
  const place = mkdtempSync(join(tmpdir(), "concertato-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", place], { stdio: "ignore" });
    execFileSync("umount", [place], { stdio: "ignore" });
    return null;
  } catch {
    return "may not mount";
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const noDisks = reasonAgainstDisks();
if (noDisks !== null)
  process.stderr.write(`\nSKIPPED: nothing shows here what a full or read-only disk does: ${noDisks}.\n`);

/** A disk of this size, in memory. */
function disk(size: string): string {
  const place = join(folder, `disk-${mounted.length}`);
  mkdirSync(place);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", place]);
  mounted.push(place);
  return place;
}

/** Takes all the room that is left. */
function fill(place: string): void {
  for (const size of [65_536, 4_096]) {
    try {
      for (let part = 0; ; part++) writeFileSync(join(place, `ballast-${size}-${part}`), Buffer.alloc(size));
    } catch {
      // Full, which is what is wanted.
    }
  }
}

function makeRoom(place: string, size: string): void {
  execFileSync("mount", ["-o", `remount,size=${size}`, place]);
}

describe.skipIf(noDisks !== null)(`a disk${noDisks === null ? "" : ` (SKIPPED: ${noDisks})`}`, () => {
  test("that is full refuses what is new, loses nothing, and the service goes on alone when there is room", async () => {
    const place = disk("6m");
    let reads = 0;
    const look = tool({
      name: "look",
      description: "Looks something up",
      effect: "read",
      output: z.string(),
      execute: async () => {
        reads++;
        await after(1);
        return "x".repeat(3_000);
      },
    });
    const desk = workflow({ name: "desk", input: z.number(), uses: [look] }, async (input, ctx) => {
      for (let step = 0; step < 40; step++) await ctx.run(look, undefined);
      return input;
    });
    const reports = new Set<string>();
    await using app = await open(join(place, "desk.db"), {
      agents: [desk],
      onReport: (error) => reports.add(codeOf(error)),
    });
    const accepted: { readonly runId: string; readonly input: number }[] = [];
    const refused = new Set<string>();
    for (let input = 0; input < 30; input++) {
      const job = await app.start(desk, input).catch((error: unknown) => refused.add(codeOf(error)));
      if ("runId" in job) accepted.push({ runId: job.runId, input });
    }
    fill(place);
    const last = await failure(app.start(desk, 99));
    expect([last.code, last.retryable, last.message.includes("Free disk space")]).toEqual(["store/full", true, true]);
    // Runs under way find the disk full too, and do not look things up over and over.
    while (!reports.has("store/full")) await after(5);
    await after(300);
    const before = reads;
    await after(700);
    expect(reads - before).toBeLessThanOrEqual(3 * accepted.length);
    makeRoom(place, "64m");
    const ends: Outcome<number>[] = [];
    for (const { runId } of accepted) ends.push(await app.job<number>(runId).outcome());
    expect(ends).toEqual(accepted.map(({ input }) => ({ status: "completed", output: input })));
    expect([...refused, ...reports].filter((code) => code !== "store/full")).toEqual([]);
    expect(await (await app.start(desk, 100)).result()).toBe(100);
    expect(await app.check()).toMatchObject({ damaged: [], file: [] });
  });

  test("that is full leaves no half of a backup", async () => {
    const place = disk("2m");
    const desk = workflow({ name: "desk", input: z.string() }, (input) => input);
    await using app = await open(join(folder, "desk.db"), { agents: [desk] });
    await (await app.start(desk, "y".repeat(3_000_000))).result();
    expect((await failure(app.backup(join(place, "copy.db")))).code).toBe("store/full");
    makeRoom(place, "16m");
    expect((await app.backup(join(place, "copy.db"))).bytes).toBeGreaterThan(3_000_000);
  });

  test("that may only be read says so, and what is on it is not changed", async () => {
    const place = disk("4m");
    const file = join(place, "desk.db");
    const desk = workflow({ name: "desk" }, () => 1);
    {
      await using app = await open(file, { agents: [desk] });
      await (await app.start(desk, undefined)).result();
    }
    execFileSync("mount", ["-o", "remount,ro", place]);
    const refused = await failure(open(file, { agents: [desk] }));
    expect([refused.code, refused.message]).toEqual(["store/unavailable", expect.stringContaining(file)]);
    expect(refused.message).toMatch(/may (not )?be written to|permissions/);
    expect((await failure(open(join(place, "new.db")))).code).toBe("store/unavailable");
    execFileSync("mount", ["-o", "remount,rw", place]);
    await using app = await open(file, { agents: [desk] });
    expect((await app.runs()).length).toBe(1);
  });
});

describe("a file system", () => {
  const openOn = (type: number, reports: unknown[]) =>
    openSqliteStore({
      path: join(folder, "desk.db"),
      report: (error) => reports.push(error),
      fileSystem: () => type,
    });

  test.each([
    ["NFS", 0x6969],
    ["CIFS", 0xff534d42],
    ["SMB2", 0xfe534d42],
  ])("over a network (%s) is refused before a file is made", async (name, type) => {
    const refused = await failure(openOn(type, []));
    expect([refused.code, refused.message.includes(name)]).toEqual(["store/network-disk", true]);
    expect(refused.message).toContain("local disk");
  });

  test("that may be over a network is warned of, and used", async () => {
    const reports: unknown[] = [];
    await (await openOn(0x65735546, reports)).close();
    expect(reports.map(codeOf)).toEqual(["store/network-disk"]);
  });

  test("on a disk of this machine is used without a word", async () => {
    const reports: unknown[] = [];
    await (await openOn(0xef53, reports)).close();
    await (await openSqliteStore({ path: join(folder, "desk.db"), report: (error) => reports.push(error) })).close();
    expect(reports).toEqual([]);
  });
});

describe("a value that cannot be stored", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const giant = "x".repeat(2 ** 29 - 24);
  const values: readonly (readonly [what: string, value: unknown, code: string, said: string])[] = [
    ["a function", { list: [{ act: () => 1 }] }, "codec/unstorable", "list[0].act"],
    ["a cycle", cycle, "codec/unstorable", "cycle"],
    ["a BigInt", { amount: 10n }, "codec/unstorable", "amount"],
    ["NaN", [Number.NaN], "codec/unstorable", "[0]"],
    ["a symbol", { mark: Symbol("x") }, "codec/unstorable", "mark"],
    ["a Map", { map: new Map() }, "codec/unstorable", "Map"],
    ["a gigabyte of text", { half: giant, other: giant }, "codec/too-large", "limit"],
  ];
  const desk = workflow({ name: "desk" }, async (_input, ctx) => {
    await ctx.waitFor("go");
    return "went on";
  });

  test.each(values)("is refused as an input: %s, with its place", async (_what, value, code, said) => {
    await using app = await open(join(folder, "desk.db"), { agents: [desk] });
    const refused = await failure(app.start(desk, value));
    expect([refused.code, refused.message.includes("input of workflow desk"), refused.message.includes(said)]).toEqual([
      code,
      true,
      true,
    ]);
    expect(await app.runs()).toEqual([]);
  });

  test.each(values)("fails its step as an output: %s, and the run may go on", async (_what, value, code) => {
    const make = tool({ name: "make", description: "Makes it", effect: "read", execute: () => value as void });
    const body = workflow({ name: "body", uses: [make] }, async (_input, ctx) => {
      try {
        await ctx.run(make, undefined);
        return "stored";
      } catch (error) {
        return ConcertatoError.is(error) ? error.code : "another error";
      }
    });
    await using app = await open(join(folder, "desk.db"), { agents: [body] });
    expect(await (await app.start(body, undefined)).result()).toBe(code);
  });

  test.each(values)("is refused as a signal: %s, and the run waits on", async (_what, value, code) => {
    await using app = await open(join(folder, "desk.db"), { agents: [desk] });
    const { runId } = await app.start(desk, undefined);
    expect((await failure(app.signal(runId, "go", value))).code).toBe(code);
    await app.signal(runId, "go", "a word");
    expect(await app.job(runId).result()).toBe("went on");
  });
});
