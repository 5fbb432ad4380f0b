/** A backup of a file in use: everything acknowledged before, nothing half, and what was in doubt stays in doubt. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { open } from "../../src/open.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { failure, gate } from "../runtime/lab.ts";

let folder: string;
let file: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-backup-"));
  file = join(folder, "desk.db");
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A process that appends for ever, and what it has been acknowledged. */
async function writer(name: string): Promise<{ acknowledged: number }> {
  const program = fileURLToPath(new URL("./store-process.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning", program, file, "write", name],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  const state = { acknowledged: 0 };
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on("line", (line) => void (state.acknowledged = Number(line)));
  await once(lines, "line");
  return state;
}

describe("a backup", () => {
  test("taken while several processes write at full speed holds all that was acknowledged, gapless in every run", async () => {
    const store = await openSqliteStore({ path: file, report: () => undefined });
    const names = ["one", "two", "full"];
    const writers = await Promise.all(names.map(writer));
    for (let round = 0; round < 4; round++) {
      const before = writers.map(({ acknowledged }) => acknowledged);
      const copy = join(folder, `copy-${round}.db`);
      const { bytes } = await store.backup(copy);
      const after = writers.map(({ acknowledged }) => acknowledged);
      expect(bytes).toBe(readFileSync(copy).length);
      const restored = await openSqliteStore({ path: copy, report: () => undefined });
      for (const [index, name] of names.entries()) {
        const run = await restored.run(name);
        const kept = await restored.entries(run?.key ?? 0, 0, 1_000_000);
        expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: run?.seq ?? 0 }, (_, at) => at + 1));
        expect(kept.length).toBeGreaterThanOrEqual(before[index] ?? 0);
      }
      // The writers did not wait for it.
      expect(after.some((count, index) => count > (before[index] ?? 0))).toBe(true);
      await restored.close();
      const db = new DatabaseSync(copy);
      const value = (pragma: string): unknown => Object.values(db.prepare(`pragma ${pragma}`).get() ?? {})[0];
      expect([value("integrity_check"), value("auto_vacuum"), value("application_id")]).toEqual(["ok", 2, 0x436e6374]);
      db.close();
    }
    await store.close();
  });

  test("never replaces a file, and leaves nothing when it fails", async () => {
    const desk = workflow({ name: "desk" }, () => 1);
    await using app = await open(file, { agents: [desk] });
    await (await app.start(desk, undefined)).result();
    const taken = join(folder, "taken.db");
    writeFileSync(taken, "mine");
    expect((await failure(app.backup(taken))).code).toBe("store/exists");
    expect((await failure(app.backup(file))).code).toBe("store/exists");
    expect(readFileSync(taken, "utf8")).toBe("mine");
    const lost = await failure(app.backup(join(folder, "none", "copy.db")));
    expect([lost.code, lost.message.includes("folder")]).toEqual(["store/unavailable", true]);
    await Promise.allSettled([app.backup(join(folder, "a.db")), app.backup(join(folder, "b.db"))]);
    expect(readdirSync(folder).filter((name) => name.includes("partial") || name.includes("none"))).toEqual([]);
    expect([existsSync(join(folder, "a.db")), existsSync(join(folder, "b.db"))]).toEqual([true, true]);
  });

  test("of an app in memory is refused with what to do", async () => {
    await using app = await open();
    const refused = await failure(app.backup(join(folder, "copy.db")));
    expect([refused.code, refused.message.includes("Open the app on a file")]).toEqual(["store/unsupported", true]);
  });

  test("of an encrypted file opens with the same key, and shows nothing without it", async () => {
    const key = new Uint8Array(32).fill(9);
    const desk = workflow({ name: "desk", input: z.string() }, (input) => `${input} kept secret`);
    const copy = join(folder, "copy.db");
    {
      await using app = await open(file, { agents: [desk], key });
      await (await app.start(desk, "words", { key: "k" })).result();
      await app.backup(copy);
    }
    expect(readFileSync(copy).includes("kept secret")).toBe(false);
    await using restored = await open(copy, { agents: [desk], key });
    expect(await (await restored.start(desk, "words", { key: "k" })).result()).toBe("words kept secret");
  });
});

describe("a run restored from a backup", () => {
  test("does not repeat an effect that was under way: it is in doubt", async () => {
    let begun = 0;
    const hold = gate<string>();
    const pay = tool({
      name: "pay",
      description: "Pays",
      effect: "irreversible",
      output: z.string(),
      execute: () => {
        begun++;
        return hold.promise;
      },
    });
    const desk = workflow({ name: "desk", uses: [pay] }, (_input, ctx) => ctx.run(pay, undefined));
    const copy = join(folder, "copy.db");
    const app = await open(file, { agents: [desk] });
    const { runId } = await app.start(desk, undefined);
    while (begun === 0) await new Promise(setImmediate);
    await app.backup(copy);
    hold.open("paid");
    expect(await app.job(runId).result()).toBe("paid");
    await app.close();
    await using restored = await open(copy, { agents: [desk] });
    await restored.settle();
    const [question] = await restored.waiting();
    expect([question?.kind, question?.runId, begun]).toEqual(["in-doubt", runId, 1]);
    await restored.answer(runId, question?.waitId ?? "", { happened: true, output: "paid" });
    expect([await restored.job(runId).result(), begun]).toEqual(["paid", 1]);
  });

  test("does a write again under the key it had, also when it took place after the backup", async () => {
    const keys: string[] = [];
    const hold = gate();
    const book = tool({
      name: "book",
      description: "Books",
      effect: "write",
      output: z.string(),
      execute: (_input, { idempotencyKey }) => {
        keys.push(idempotencyKey);
        return "booked";
      },
    });
    const desk = workflow({ name: "desk", uses: [book] }, async (_input, ctx) => {
      await ctx.step("look", () => hold.promise, { effect: "read" });
      return ctx.run(book, undefined);
    });
    const copy = join(folder, "copy.db");
    const app = await open(file, { agents: [desk] });
    const { runId } = await app.start(desk, undefined);
    await app.backup(copy);
    hold.open();
    await app.job(runId).result();
    await app.close();
    await using restored = await open(copy, { agents: [desk] });
    expect(await restored.job(runId).result()).toBe("booked");
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
});
