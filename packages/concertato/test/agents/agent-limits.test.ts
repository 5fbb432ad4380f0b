/** Slots and rates of agents whose attempts are model calls, calls of a remote server, or steps of a body. */
import type { LanguageModelV4, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, agent, human, remote, tool, workflow } from "../../src/index.ts";
import type { AgentOptions } from "../../src/agents/agent.ts";
import { onBothStores, type Place } from "../runtime/both-stores.ts";
import { failure } from "../runtime/lab.ts";
import { Watched } from "../runtime/watched.ts";

const usage = {
  inputTokens: { total: 1, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: undefined, reasoning: undefined },
} as const;

type Content = LanguageModelV4GenerateResult["content"];

/** A model whose calls the test lets go on by the name that it was asked, turn by turn. */
function watchedModel(watched: Watched, answer: (name: string, turn: number) => Content): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "watched",
    modelId: "watched",
    supportedUrls: {},
    doGenerate: async ({ prompt }) => {
      const user = prompt.find(({ role }) => role === "user");
      const [part] = (user?.content ?? []) as readonly { readonly text: string }[];
      const name = part?.text ?? "";
      const turn = prompt.filter(({ role }) => role === "assistant").length;
      await watched.execute(turn === 0 ? name : `${name}.${turn}`);
      const content = answer(name, turn);
      const finishReason = { unified: "stop", raw: undefined } as const;
      return { content, finishReason, usage, warnings: [] };
    },
    doStream: () => Promise.reject(new Error("Nobody listens.")),
  };
}

const says = (text: string): Content => [{ type: "text", text }];

type Limits = Pick<AgentOptions<undefined, undefined>, "concurrency" | "rate">;

function thinker(watched: Watched, limits: Limits): Agent<string, string> {
  const model = watchedModel(watched, says);
  return agent({ name: "thinker", description: "", instructions: "", model, ...limits });
}

async function completed(place: Place, jobs: readonly { readonly runId: string }[]): Promise<boolean> {
  const rows = await Promise.all(jobs.map(({ runId }) => place.row(runId)));
  return rows.every(({ status }) => status === "completed");
}

onBothStores("calls of a model", (place) => {
  test("are never more at once than its agent's slots, over two processes", async () => {
    const watched = new Watched();
    const thinks = thinker(watched, { concurrency: 2 });
    const [one, two] = [await place().open([thinks]), await place().open([thinks])];
    const names = ["a", "b", "c", "d", "e", "f"];
    const jobs = await Promise.all(names.map((name, index) => (index % 2 === 0 ? one : two).app.start(thinks, name)));
    for (let done = 0; done < names.length; done++) {
      await place().until("another call", () => watched.begun.length > done);
      watched.release(watched.begun[done] ?? "");
    }
    await place().until("all done", () => completed(place(), jobs));
    expect(watched.most).toBe(2);
    expect(watched.begun.toSorted()).toEqual(names);
  });

  test("count for each key of its agent's input by themselves, also after a restart", async () => {
    const watched = new Watched();
    const thinks = thinker(watched, { concurrency: { limit: 1, key: (name: string) => name[0] ?? "" } });
    const one = await place().open([thinks]);
    for (const name of ["a1", "a2", "b1"]) await one.app.start(thinks, name);
    await place().until("two calls", () => watched.begun.length === 2);
    await place().world.advance(100);
    expect(watched.begun.toSorted()).toEqual(["a1", "b1"]);
    await one.crash();
    await place().open([thinks]);
    await place().until("called again", () => watched.begun.length === 4);
    await place().world.advance(100);
    expect(watched.begun.map((name) => name.slice(0, 1)).toSorted()).toEqual(["a", "a", "b", "b"]);
    watched.releaseAll();
    await place().until("the third", () => watched.begun.length === 5);
  });

  test("hold no slot while a person is asked, a tool works or another agent thinks", async () => {
    const watched = new Watched();
    const person = human({ name: "person", output: z.string() });
    const model = watchedModel(watched, (name, turn) =>
      turn === 0 && name.startsWith("asks")
        ? [{ type: "tool-call", toolCallId: "c", toolName: "person", input: "{}" }]
        : says(name),
    );
    const thinks = agent({
      name: "thinker",
      description: "",
      instructions: "",
      model,
      tools: [person],
      concurrency: 1,
    });
    const { app } = await place().open([thinks]);
    const asking = await app.start(thinks, "asks");
    await place().until("its first call", () => watched.begun.length === 1);
    watched.releaseAll();
    await place().until("the person is asked", async () => (await app.waiting()).length === 1);
    const other = await app.start(thinks, "other");
    await place().until("the other's call", () => watched.begun.includes("other"));
    const [question] = await app.waiting();
    await app.answer(asking.runId, question?.waitId ?? "", "yes");
    await place().until("it shows what it waits for", async () => {
      const waiting = (await app.find(asking.runId))?.waiting ?? [];
      return waiting.some(({ kind, name }) => kind === "slot" && name === "thinker");
    });
    expect(watched.begun).not.toContain("asks.1");
    watched.releaseAll();
    await place().until("its second call", () => watched.begun.includes("asks.1"));
    watched.releaseAll();
    await place().until("both done", () => completed(place(), [asking, other]));
    expect(watched.most).toBe(1);
  });

  test("begin no faster than their rate lets them", async () => {
    const watched = new Watched();
    const thinks = thinker(watched, { rate: { limit: 1, per: "10s" } });
    const { app } = await place().open([thinks]);
    await app.start(thinks, "first");
    await app.start(thinks, "second");
    await place().until("one call", () => watched.begun.length === 1);
    await place().world.advance(9_900);
    expect(watched.begun).toHaveLength(1);
    await place().until("the other", () => watched.begun.length === 2);
  });
});

onBothStores("steps of a workflow", (place) => {
  test("share its slots; what it calls and what it waits for does not", async () => {
    const watched = new Watched();
    const look = tool({ name: "look", description: "", effect: "read", input: z.string(), execute: () => undefined });
    const conducts = workflow(
      { name: "conducts", input: z.string(), uses: [look], concurrency: { limit: 1, key: (name) => name[0] ?? "" } },
      async (name, ctx) => {
        await ctx.run(look, name);
        await ctx.sleep(10);
        return ctx.step("write", () => watched.execute(name), { effect: "write" });
      },
    );
    const { app } = await place().open([conducts]);
    const jobs = await Promise.all(["a1", "a2", "b1"].map((name) => app.start(conducts, name)));
    await place().until("two steps", () => watched.begun.length === 2);
    await place().world.advance(100);
    expect(watched.begun.map((name) => name.slice(0, 1)).toSorted()).toEqual(["a", "b"]);
    watched.releaseAll();
    await place().until("the third", () => watched.begun.length === 3);
    watched.releaseAll();
    await place().until("all done", () => completed(place(), jobs));
  });
});

test("a remote agent has slots and rates, checked where they are declared", async () => {
  const define = (more: object) => () =>
    remote({ name: "far", description: "", url: "http://127.0.0.1:1", input: z.string(), output: z.string(), ...more });
  for (const wrong of [{ concurrency: 0 }, { rate: { limit: 1, per: 0 } }])
    expect((await failure(Promise.resolve().then(define(wrong)))).code).toBe("agent/limits");
  const { body } = define({ concurrency: { limit: 2, key: (name: string) => name }, rate: { limit: 3, per: "1s" } })();
  expect(body).toMatchObject({ limits: { name: "far", slot: { limit: 2 }, rate: { limit: 3, periodMs: 1_000 } } });
});
