/** A large value is stored once, however often it is handed on, and reads as if it stood where it is named. */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { human } from "../../src/agents/human.ts";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { largeFrom } from "../../src/journal/large-payload.ts";
import { open } from "../../src/open.ts";
import { done, next } from "../../src/runtime/context.ts";
import type { Agent } from "../../src/runtime/agent.ts";
import { failure, Lab } from "./lab.ts";

/** Schema 3 has an index that is empty here. */
const page = 4_096;

/** Larger than what an entry keeps, and told apart by its first character. */
const large = (mark: string): string => mark + "x".repeat(2 * largeFrom);

const pass = tool({
  name: "pass",
  description: "Hands on what it is given",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (input) => input,
});

const ten = workflow({ name: "ten", input: z.string(), uses: [pass] }, async (input, ctx) => {
  let value = input;
  for (let step = 0; step < 10; step++) value = await ctx.run(pass, value);
  return value;
});

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-large-"));
  file = join(folder, "desk.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function inFile(sql: string): unknown[] {
  const db = new DatabaseSync(file);
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

describe("a large value", () => {
  test("passed through ten steps is stored once, and read whole everywhere", async () => {
    const value = `{${"x".repeat(1_000_000)}`;
    await using app = await open(file, { agents: [ten] });
    const job = await app.start(ten, value);
    expect(await job.result()).toBe(value);
    expect(inFile("select count(*) as n, length(body) as length from blob")).toEqual([{ n: 1, length: 1_000_003 }]);
    expect(inFile("select max(length(body)) as longest from entry")).toEqual([{ longest: 6 }]);
    const seen = [];
    for await (const entry of job.events({ live: false })) seen.push(entry);
    expect(seen.filter(({ kind }) => kind === "result").map(({ body, input }) => [body, input])).toEqual(
      Array.from({ length: 10 }, () => [value, value]),
    );
    expect(seen.at(0)?.body).toBe(value);
    expect(seen.at(-1)?.body).toBe(value);
    expect(seen.at(0)?.meta).toMatchObject({ size: 1_000_003, blobs: [expect.stringMatching(/^[\w-]{43}$/)] });
    const { tree } = await app.describe(job.runId);
    expect([tree.input, tree.output, tree.children.at(-1)?.input]).toEqual([value, value, value]);
    await app.close();
    expect(statSync(file).size).toBeLessThan(1_200_000 + page);
  });

  test("is told to readers as it is committed", async () => {
    await using app = await open(file, { agents: [ten] });
    const job = await app.start(ten, large("a"));
    const bodies: unknown[] = [];
    for await (const { body } of job.events()) bodies.push(body);
    expect(bodies).toEqual(Array.from({ length: 12 }, () => large("a")));
  });

  test("is shared by the runs of a tenant and no other", async () => {
    await using app = await open(file, { agents: [ten] });
    for (const tenant of ["acme", "acme", "other"]) {
      const job = await app.start(ten, large("a"), { tenant });
      expect(await job.result()).toBe(large("a"));
    }
    expect(inFile("select tenant from blob order by tenant")).toEqual([{ tenant: "acme" }, { tenant: "other" }]);
    expect(inFile("select count(*) as n from blob_ref")).toEqual([{ n: 3 }]);
  });

  test("is sealed under the tenant's key, and its name says nothing of it", async () => {
    const key = new Uint8Array(32).fill(7);
    {
      await using app = await open(file, { agents: [ten], key });
      const one = await app.start(ten, large("secret"), { tenant: "acme" });
      const two = await app.start(ten, large("secret"), { tenant: "other" });
      expect([await one.result(), await two.result()]).toEqual([large("secret"), large("secret")]);
    }
    expect(readFileSync(file).includes("secretxxx")).toBe(false);
    const names = inFile("select hash from blob") as { hash: string }[];
    expect(new Set(names.map(({ hash }) => hash)).size).toBe(2);
    {
      await using app = await open(file, { agents: [ten], key });
      for (const { runId } of await app.runs()) expect(await app.job(runId).result()).toBe(large("secret"));
    }
    // Moved to another name, or to another tenant, it does not open.
    const db = new DatabaseSync(file);
    db.exec("update blob set body = (select body from blob where tenant = 'acme') where tenant = 'other'");
    db.close();
    await using app = await open(file, { agents: [ten], key });
    const [other, acme] = await app.runs();
    expect((await failure(app.job(other?.runId ?? "").result())).code).toBe("journal/damaged");
    expect(await app.job(acme?.runId ?? "").result()).toBe(large("secret"));
  });

  test("that was changed in the file, or is missing, is found out", async () => {
    await using app = await open(file, { agents: [ten] });
    const changed = await app.start(ten, large("a"));
    const missing = await app.start(ten, large("b"));
    const whole = await app.start(ten, large("c"));
    for (const job of [changed, missing, whole]) await job.result();
    const db = new DatabaseSync(file);
    db.exec(`update blob set body = replace(body, 'axxx', 'ayxx') where body like '"a%';
      delete from blob where body like '"b%'`);
    db.close();
    expect((await failure(app.describe(changed.runId))).code).toBe("journal/damaged");
    expect((await failure(app.describe(missing.runId))).code).toBe("journal/damaged");
    expect((await app.describe(whole.runId)).tree.output).toBe(large("c"));
  });
});

describe("large values everywhere", () => {
  const ask = human({ name: "ask", output: z.string() });
  const child = workflow({ name: "child", input: z.string() }, (input, ctx) => ctx.run(pass, `${input}!`));
  const every: Agent<string, readonly string[]> = workflow(
    { name: "every", input: z.string(), uses: [ask, child, pass] },
    async (input, ctx) => {
      const mapped = await ctx.map([large("1"), large("2"), "small"], pass);
      const answer = await ctx.run(ask, large("q"));
      const signal = await ctx.waitFor("go", z.string());
      const nested = await ctx.run(child, input);
      const other = await ctx.start(child, large("s"));
      const started = await other.outcome();
      const looped = await ctx.loop(large("0"), async (state, turn) => {
        const grown = await turn.run(pass, `${state}+`);
        return grown.endsWith("+++") ? done(grown) : next(grown);
      });
      const paid = await ctx.step("pay", () => large("p"), { effect: "write" });
      return [...mapped, answer, signal, nested, JSON.stringify(started), looped, paid].map((text) =>
        text.slice(0, 40),
      );
    },
  );

  async function play(crashAfter?: number): Promise<unknown> {
    const lab = new Lab();
    const life = (after?: number) => lab.open([every as Agent], after === undefined ? {} : { crashAfter: after });
    let current = await life(crashAfter);
    const job = await current.app.start(every, large("i"));
    let answered = false;
    let signalled = false;
    for (let turn = 0; turn < 20; turn++) {
      await lab.world.settle();
      if (current.dead) {
        current = await life();
        continue;
      }
      const waits = await lab.waits(job.runId);
      if (waits.length === 0) break;
      const kinds = waits.map(({ kind }) => kind);
      if (kinds.includes("answer") && !answered) {
        answered = true;
        await lab.app.answer(job.runId, await lab.question(job.runId), large("a"));
      } else if (kinds.includes("signal") && !signalled) {
        signalled = true;
        await lab.app.signal(job.runId, "go", large("g"), { key: "go" });
      } else await lab.world.advance(1_000);
    }
    return lab.app.job<readonly string[]>(job.runId).outcome();
  }

  test("a run that dies after any of its entries goes on with the same values", async () => {
    const whole = await play();
    expect(whole).toMatchObject({ status: "completed" });
    expect(JSON.stringify(whole)).toContain("gxxx");
    for (let after = 1; after <= 30; after++) expect(await play(after), `dies after entry ${after}`).toEqual(whole);
  });
});
