/** What is thrown and recorded: the same code, message and address, live, on replay, in lists and in another process. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { AgentFailure, ConcertatoError, human, open, run, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

class CardError extends Error {
  readonly code = "card_declined";
  override readonly name = "CardError";
}

const pay = tool({
  name: "pay",
  description: "",
  effect: "read",
  output: z.string(),
  execute: () => {
    throw new CardError("declined", { cause: new Error("no funds") });
  },
});
const asked = human({ name: "asked", output: z.string() });

describe("a failure", () => {
  test("keeps name, code and cause of what was thrown", async () => {
    const error = await failure(run(pay, undefined));
    expect(error).toBeInstanceOf(AgentFailure);
    expect((error as AgentFailure).record).toMatchObject({
      code: "agent/failed",
      message: "declined",
      details: { name: "CardError", code: "card_declined" },
      cause: { code: "agent/failed", message: "no funds" },
    });
  });

  test.each([["a text"], [42], [null], [undefined]])(
    "keeps what was thrown even when it is no error: %s",
    async (thrown) => {
      const odd = workflow({ name: "odd" }, () => {
        // oxlint-disable-next-line only-throw-error -- this is what is tested
        throw thrown;
      });
      expect(await failure(run(odd, 0))).toMatchObject({ code: "agent/failed", message: String(thrown) });
    },
  );

  test("is the same where it is caught live and on replay", async () => {
    const seen: unknown[] = [];
    const body = workflow({ name: "body", uses: [pay, asked] }, async (_input, ctx) => {
      try {
        await ctx.run(pay, undefined);
      } catch (error) {
        const { code, message, retryable, details } = error as ConcertatoError;
        seen.push({ code, message, retryable, details, branded: ConcertatoError.is(error, "agent/failed") });
      }
      await ctx.run(asked, "?");
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
  });

  test("is told by lists, trees and the journal", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(pay, undefined)),
      0,
    );
    expect(await lab.app.runs({ status: "failed" })).toMatchObject([{ runId: job.runId, failure: "agent/failed" }]);
    const { tree } = await lab.app.describe(job.runId);
    expect(tree).toMatchObject({ status: "failed", failure: { message: "declined" } });
    expect(tree.children).toMatchObject([{ path: "0.0", status: "failed" }]);
    expect(lab.journal(job.runId).at(-1)).toMatchObject({
      kind: "run-ended",
      meta: { status: "failed", failed: true },
    });
  });

  test("that a body rethrows in its own words keeps the first as cause", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      try {
        return await ctx.run(pay, undefined);
      } catch (error) {
        throw new Error("order not paid", { cause: error });
      }
    });
    const error = (await failure(run(body, 0))) as AgentFailure;
    expect(error.record).toMatchObject({ message: "order not paid", cause: { message: "declined", path: "0.0" } });
  });
});

describe("a caller's fault", () => {
  test("has a code, a remedy in its message, and a page", async () => {
    await using app = await open();
    const error = await failure(app.job("run_nobody").outcome());
    expect(error).toMatchObject({ code: "run/not-found", docs: "docs/errors/run-not-found.md" });
    expect(error.message).toMatch(/^[A-Z].*\.$/);
  });

  test("using a closed app says so", async () => {
    const app = await open();
    const waiting = workflow({ name: "waiting" }, (_input, ctx) => ctx.waitFor("go"));
    const job = await app.start(waiting, 0);
    const outcome = job.outcome();
    const closing = app.close();
    expect((await failure(outcome)).code).toBe("runtime/closed");
    await closing;
    await app.close();
    for (const use of [
      app.start(waiting, 0),
      app.runs(),
      app.waiting(),
      app.describe(job.runId),
      app.cancel(job.runId),
    ])
      expect((await failure(use)).code).toBe("runtime/closed");
  });

  test.each(["", "1st", "with space", "a".repeat(65), "semi;colon"])("a name such as %j is refused", (name) => {
    for (const make of [
      () => workflow({ name }, () => 0),
      () => tool({ name, description: "", execute: () => undefined }),
      () => human({ name, output: z.string() }),
    ])
      expect(make).toThrow(expect.objectContaining({ code: "agent/name" }));
  });

  test("a malformed duration is refused where it is written", () => {
    expect(() => human({ name: "late", output: z.string(), within: "tomorrow" })).toThrow(
      expect.objectContaining({ code: "runtime/duration" }),
    );
    expect(() => tool({ name: "late", description: "", timeout: "-1s", execute: () => undefined })).toThrow(
      expect.objectContaining({ code: "runtime/duration" }),
    );
  });

  test("a malformed duration of a step or wait fails there, and the body may go on", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const caught: string[] = [];
      for (const call of [
        () => ctx.sleep("soon"),
        () => ctx.step("s", () => 1, { timeout: "soon" }),
        () => ctx.waitFor("go", undefined, { within: "soon" }),
      ]) {
        try {
          await call();
        } catch (error) {
          caught.push((error as ConcertatoError).code);
        }
      }
      return [...caught, await ctx.step("fine", () => "fine", { effect: "read" })];
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.result()).toEqual(["runtime/duration", "runtime/duration", "runtime/duration", "fine"]);
  });
});
