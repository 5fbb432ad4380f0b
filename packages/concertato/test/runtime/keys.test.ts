/** Start keys: the same key finds the same run, whoever asks and however often. */
import { describe, expect, test } from "vitest";
import { workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const desk = workflow({ name: "desk" }, (input, ctx) => ctx.waitFor(`go ${String(input)}`));

describe("a start key", () => {
  test("finds the run that was started with it", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(desk, 1, { key: "ticket-1" });
    expect((await lab.app.start(desk, 1, { key: "ticket-1" })).runId).toBe(job.runId);
    expect(await lab.app.runs()).toHaveLength(1);
  });

  test("starts one run when it is used many times at once", async () => {
    const lab = new Lab();
    const { app } = await lab.open([desk]);
    const jobs = await Promise.all(Array.from({ length: 20 }, () => app.start(desk, 1, { key: "ticket-1" })));
    await lab.world.settle();
    expect(new Set(jobs.map(({ runId }) => runId)).size).toBe(1);
    expect(await app.runs()).toHaveLength(1);
  });

  test("starts one run when two processes use it", async () => {
    const lab = new Lab();
    const [one, two] = [await lab.open([desk]), await lab.open([desk])];
    const jobs = await Promise.all([one, two].map(({ app }) => app.start(desk, 1, { key: "ticket-1" })));
    expect(jobs[0]?.runId).toBe(jobs[1]?.runId);
  });

  test("finds a run that has ended, with its output", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(desk, 1, { key: "ticket-1" });
    await lab.app.signal(job.runId, "go 1", "done");
    await lab.world.settle();
    expect(await (await lab.app.start(desk, 1, { key: "ticket-1" })).result()).toBe("done");
  });

  test("finds its run after a crash", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk, 1, { key: "ticket-1" });
    life.crash();
    const second = await lab.open([desk]);
    expect((await second.app.start(desk, 1, { key: "ticket-1" })).runId).toBe(job.runId);
  });

  test("with another input is refused, naming the run that has it", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(desk, 1, { key: "ticket-1" });
    const error = await failure(lab.app.start(desk, 2, { key: "ticket-1" }));
    expect(error.code).toBe("run/key-conflict");
    expect(error.message).toContain("ticket-1");
    expect(error.message).toContain(job.runId);
    expect(error.details).toEqual({ key: "ticket-1", runId: job.runId });
  });

  // Finding F13.
  test("with another agent is refused", async () => {
    const lab = new Lab();
    await lab.begin(desk, 1, { key: "ticket-1" });
    const other = workflow({ name: "other" }, (input) => input);
    expect((await failure(lab.app.start(other, 1, { key: "ticket-1" }))).code).toBe("run/key-conflict");
  });

  test("belongs to its tenant", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(desk, 1, { key: "ticket-1" });
    const other = await lab.app.start(desk, 2, { key: "ticket-1", tenant: "globex" });
    expect(other.runId).not.toBe(job.runId);
    expect(lab.row(other.runId).tenant).toBe("globex");
  });

  test("is not needed: starts without one are runs of their own", async () => {
    const lab = new Lab();
    const { app } = await lab.open([desk]);
    const [one, two] = [await app.start(desk, 1), await app.start(desk, 1)];
    expect(one.runId).not.toBe(two.runId);
  });
});

test("a start records who asked and for whom", async () => {
  const lab = new Lab();
  const { job } = await lab.begin(desk, 1, { principal: "ada", onBehalfOf: "customer 7" });
  const [first] = lab.journal(job.runId);
  expect(first?.meta).toMatchObject({ tenant: "acme", principal: "ada", onBehalfOf: "customer 7", agent: "desk@1" });
  const { job: other } = await lab.begin(desk, 2);
  expect(lab.journal(other.runId)[0]?.meta.principal).toBe("tester");
});
