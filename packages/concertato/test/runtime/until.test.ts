/** `ctx.until`: follows the wall clock, whatever is done to it; never early by it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Agent, workflow } from "../../src/index.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { failure, Lab, runToEnd } from "./lab.ts";

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 1);
const late = workflow({ name: "late" }, async (when, ctx) => {
  await ctx.until(when as string);
  return ctx.now() - start;
});

describe("ctx.until", () => {
  test.each([
    ["2026-01-01T01:00:00Z", hour],
    ["2026-01-01T02:00:00+01:00", hour],
    [start + 250, 250],
    [start - hour, 0],
    [start + 0.4, 1],
  ])("waits for %s", async (when, ms) => {
    expect(await runToEnd(late, when, ms)).toBe(ms);
  });

  test("takes a Date", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.until(new Date(start + 40));
      return ctx.now() - start;
    });
    expect(await runToEnd(body, 0, 40)).toBe(40);
  });

  test("refuses what is no moment", async () => {
    expect((await failure(runToEnd(late, "2026-01-01T01:00:00"))).code).toBe("runtime/moment");
  });

  test("is not over 1 ms before", async () => {
    const lab = new Lab(start);
    const { job } = await lab.begin(late, start + hour);
    await lab.world.advance(hour - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await job.result()).toBe(hour);
  });

  test("a clock that is set forward while the process lives is noticed within a second", async () => {
    const lab = new Lab(start);
    const { job } = await lab.begin(late, start + hour);
    lab.world.jump(2 * hour);
    await lab.world.advance(1_000);
    expect((await job.outcome()).status).toBe("completed");
  });

  test("a clock that is set back makes it longer: it is never over before its moment", async () => {
    const lab = new Lab(start);
    const { job } = await lab.begin(late, start + hour);
    lab.world.jump(-5 * hour);
    await lab.world.advance(6 * hour - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect((await job.outcome()).status).toBe("completed");
  });

  test("a clock that is set back after its moment was near does not end it early", async () => {
    const lab = new Lab(start);
    const { job } = await lab.begin(late, start + hour);
    await lab.world.advance(hour - 500);
    lab.world.jump(-hour);
    await lab.world.advance(500 + hour - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect((await job.outcome()).status).toBe("completed");
  });

  test.each([0, 1_000_000])("goes on over a crash, with %i bytes for resting runs", async (warmBytes) => {
    const lab = new Lab(start);
    const { life, job } = await lab.begin(late, start + hour, { warmBytes });
    await lab.world.advance(hour / 2);
    life.crash();
    await lab.open([late], { warmBytes });
    await lab.world.advance(hour / 2 - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await lab.app.job(job.runId).result()).toBe(hour);
  });

  test("is given up when its race is lost, and does not fire later", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({ late: (b) => b.until(start + hour), soon: (b) => b.sleep(5) });
      await ctx.sleep(2 * hour);
      return branch;
    });
    expect(await runToEnd(body, 0, 3 * hour)).toBe("soon");
  });
});

describe("parts of a millisecond", () => {
  const naps = workflow({ name: "naps" }, async (_input, ctx) => {
    await ctx.sleep(0.5);
    await ctx.sleep("1.5ms");
    await ctx.waitFor("never", undefined, { within: 10.25 }).catch(() => undefined);
    await ctx.step("flaky", ({ attempt }) => (attempt < 3 ? Promise.reject(new Error("no")) : attempt), {
      effect: "read",
      retry: { attempts: 3, backoff: 1.3, maxBackoff: "2.7ms" },
    });
    return ctx.now() - start;
  });

  // Columns of SQLite are whole numbers; a fraction was refused when the run was given back.
  test("are rounded up: a run that waits so long is given back and taken up again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "concertato-"));
    const lab = new Lab(start);
    const store = await openSqliteStore({ path: join(folder, "a.db"), report: lab.world.report });
    try {
      const life = await lab.open([naps as Agent], { store, warmBytes: 0 });
      const job = await life.app.start(naps, 0);
      await lab.world.advance(100);
      expect(await job.result()).toBe(1 + 2 + 11 + 2 + 3);
      expect(lab.world.reports).toEqual([]);
      life.crash();
    } finally {
      await store.close();
      rmSync(folder, { recursive: true });
    }
  });
});
