/** What an author got wrong fails where it stands, and never takes the process with it. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tool, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

describe("a retry policy that is no policy", () => {
  test("is refused where the tool is defined", () => {
    const define = () =>
      tool({ name: "late", description: "", retry: { attempts: 3, backoff: "soon" }, execute: () => undefined });
    expect(define).toThrow(expect.objectContaining({ code: "runtime/duration" }));
  });

  test("fails the step that declares it, before its work begins", async () => {
    let worked = false;
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.step("late", () => void (worked = true), { effect: "read", retry: { attempts: 2, maxBackoff: "later" } }),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "runtime/duration" } });
    expect(worked).toBe(false);
  });
});

test("a malformed call that the body catches leaves nothing behind to wait for", async () => {
  const body = workflow({ name: "body" }, async (_input, ctx) => {
    const codes: string[] = [];
    const note = (error: unknown) => void codes.push((error as { code: string }).code);
    for (const call of [
      () => ctx.step("late", () => 1, { effect: "read", timeout: "soon" }),
      () => ctx.waitFor("go", undefined, { within: "never" }),
      () => ctx.sleep("a while"),
    ]) {
      try {
        await call();
      } catch (error) {
        note(error);
      }
    }
    // An operation that was numbered and never begun would hold the body here for ever, unnoticed.
    return { codes, next: await ctx.step("next", () => 2, { effect: "read" }) };
  });
  const lab = new Lab();
  const { job } = await lab.begin(body, 0);
  const wrong = "runtime/duration";
  expect(await job.outcome()).toEqual({ status: "completed", output: { codes: [wrong, wrong, wrong], next: 2 } });
  expect(lab.journal(job.runId).find(({ name }) => name === "next")?.op).toBe("0");
});

test("an asynchronous input schema that makes what no journal can hold fails the call, and the run goes on", async () => {
  const odd = tool({
    name: "odd",
    description: "",
    effect: "read",
    input: z.string().transform(async (text) => BigInt(text)),
    output: z.string(),
    execute: String,
  });
  const body = workflow({ name: "body" }, (_input, ctx) =>
    ctx.run(odd, "5").catch((error: unknown) => (error as { code: string }).code),
  );
  const lab = new Lab();
  const { job } = await lab.begin(body, 0);
  expect(await job.outcome()).toEqual({ status: "completed", output: "codec/unstorable" });
});
