/**
 * Schemas of three libraries, on every kind of agent: what is inferred without a cast, what must not compile, what a model
 * is told, and which field an error names. `tsc` judges the types, the tests the rest.
 */
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import { call, reply, script, testApp } from "concertato/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as v from "valibot";
import { z } from "zod";
import { type Agent, agent, delegate, human, remote, tool, workflow } from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";

interface Ordered {
  readonly id: string;
  readonly usd: number;
  readonly currency: string;
}

type InputOf<A> = A extends Agent<infer Input, unknown> ? Input : never;
type OutputOf<A> = A extends Agent<never, infer Output> ? Output : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

const withZod = {
  order: z.object({ id: z.string(), usd: z.number(), currency: z.string().default("EUR") }),
  receipt: z.object({ number: z.string() }),
};
const withValibot = {
  order: toStandardJsonSchema(v.object({ id: v.string(), usd: v.number(), currency: v.optional(v.string(), "EUR") })),
  receipt: toStandardJsonSchema(v.object({ number: v.string() })),
};
const withArktype = {
  order: type({ id: "string", usd: "number", currency: "string = 'EUR'" }),
  receipt: type({ number: "string" }),
};

/** One of each kind, over the same two schemas. */
function cast<Order extends StandardSchemaV1, Receipt extends StandardSchemaV1>({
  order,
  receipt,
}: {
  readonly order: Order;
  readonly receipt: Receipt;
}) {
  const numbered = (given: unknown) => ({ number: JSON.stringify(given) }) as never;
  return {
    pay: tool({ name: "pay", description: "Pays", input: order, output: receipt, effect: "read", execute: numbered }),
    thinker: agent({ name: "thinker", description: "", instructions: "", input: order, output: receipt }),
    flow: workflow({ name: "flow", input: order, output: receipt }, numbered),
    person: human({ name: "person", output: receipt }),
    far: remote({ name: "far", description: "", url: "http://127.0.0.1:1/", input: order, output: receipt }),
  };
}

const libraries = {
  zod: { schemas: withZod, cast: cast(withZod) },
  valibot: { schemas: withValibot, cast: cast(withValibot) },
  arktype: { schemas: withArktype, cast: cast(withArktype) },
};

describe.each(Object.entries(libraries))("schemas of %s", (name, { cast: all }) => {
  const pay = all.pay as Agent<unknown, { number: string }>;

  test("parse what goes in, with their defaults", async () => {
    await using t = testApp({
      models: { thinker: script(reply({ number: "7" })) },
      people: { person: () => ({ number: "8" }) },
    });
    const given = { id: "A-1", usd: 3 };
    expect(JSON.parse((await t.run(pay, given)).number)).toEqual({ ...given, currency: "EUR" });
    expect(JSON.parse(((await t.run(all.flow as Agent<unknown>, given)) as { number: string }).number)).toEqual({
      ...given,
      currency: "EUR",
    });
    expect(await t.run(all.thinker as Agent<unknown>, given)).toEqual({ number: "7" });
    expect(await t.run(all.person, "What number?")).toEqual({ number: "8" });
  });

  test("name the field that does not fit, going in and coming out", async () => {
    await using t = testApp({
      models: { thinker: script(reply({ number: 1 }), reply({ number: 1 }), reply({ number: 1 })) },
    });
    const wrong = await failure(t.run(pay, { id: 7, usd: 3 }));
    expect(wrong).toMatchObject({ code: "agent/input-invalid" });
    expect(wrong.message).toMatch(/input of tool pay does not fit its schema: id: /);
    const broken = workflow({ name: "broken", output: libraries[name as "zod"].schemas.receipt }, () => ({
      number: 1 as unknown as string,
    }));
    expect((await failure(t.run(broken, undefined))).message).toMatch(/output of workflow broken .*number: /);
    const end = await failure(t.run(all.thinker as Agent<unknown>, { id: "A-1", usd: 3 }));
    expect(end).toMatchObject({ code: "agent/output-invalid" });
    expect(end.message).toContain("number: ");
  });

  test("tell a model what a tool takes, by their own JSON Schema, and the tool what the model gave", async () => {
    const model = script(call("pay", { id: "A-1", usd: "3" }), call("pay", { id: "A-1", usd: 3 }), reply("paid"));
    const clerk = agent({ name: "clerk", description: "", instructions: "", tools: [pay] });
    await using t = testApp({ models: { clerk: model } });
    expect(await t.run(clerk, "x")).toBe("paid");
    const [told] = model.asked[0]?.tools ?? [];
    expect(told).toMatchObject({
      name: "pay",
      inputSchema: {
        type: "object",
        properties: { id: { type: "string" }, usd: { type: "number" } },
        required: ["id", "usd"],
      },
    });
    // A call that does not fit goes back with the field's name.
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toMatch(/agent\/input-invalid.*usd: /);
    expect(JSON.stringify(model.asked[2]?.prompt.at(-1))).toContain("EUR");
    const thinks = script(reply({ number: "7" }));
    await using other = testApp({ models: { thinker: thinks } });
    await other.run(all.thinker as Agent<unknown>, { id: "A-1", usd: 3 });
    expect(thinks.asked[0]?.responseFormat).toMatchObject({
      type: "json",
      schema: { type: "object", properties: { number: { type: "string" } }, required: ["number"] },
    });
  });

  test("stand behind a delegation that lets less through", async () => {
    const narrow = delegate(pay, { name: "pay_narrow" });
    await using t = testApp();
    expect((await failure(t.run(narrow, { usd: 3 }))).message).toMatch(/id: /);
    expect(JSON.parse((await t.run(narrow, { id: "A-1", usd: 3 })).number)).toMatchObject({ currency: "EUR" });
  });
});

test("a valibot schema without its converter is fine for code, and said to be no good for a model", () => {
  const bare = v.object({ id: v.string() });
  const find = tool({ name: "find", description: "", input: bare, effect: "pure", execute: ({ id }) => void id });
  expectTypeOf<InputOf<typeof find>>().toEqualTypeOf<{ id: string }>();
  expect(() => agent({ name: "a", description: "", instructions: "", tools: [find] })).toThrow(
    "The schema for the input of tool find cannot be told to a model: schemas of valibot do not tell their JSON Schema.",
  );
});

test("types: inputs before parsing, outputs after, for every kind and library", () => {
  type Given = { id: string; usd: number; currency?: string | undefined };
  const given = <A>(): Same<InputOf<A>, Given> extends true ? true : InputOf<A> => true as never;
  const { zod, valibot, arktype } = libraries;
  expectTypeOf<OutputOf<typeof zod.cast.pay>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<OutputOf<typeof valibot.cast.pay>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<OutputOf<typeof arktype.cast.pay>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<OutputOf<typeof zod.cast.person>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<OutputOf<typeof valibot.cast.thinker>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<OutputOf<typeof arktype.cast.flow>>().toEqualTypeOf<{ number: string }>();
  expectTypeOf(given<typeof zod.cast.pay>()).toEqualTypeOf<true>();
  expectTypeOf(given<typeof valibot.cast.flow>()).toEqualTypeOf<true>();
  expectTypeOf<InputOf<typeof arktype.cast.thinker>>().toExtend<{ id: string; usd: number }>();
  expectTypeOf<InputOf<typeof zod.cast.far>>().toEqualTypeOf<InputOf<typeof zod.cast.pay>>();

  // What a body is given is parsed.
  tool({
    name: "parsed",
    description: "",
    input: withArktype.order,
    execute: (order) => {
      expectTypeOf(order).toExtend<Ordered>();
    },
  });
  workflow({ name: "parsed", input: withValibot.order }, (order) => expectTypeOf(order).toExtend<Ordered>());
  agent({ name: "parsed", description: "", instructions: ({ currency }) => currency, input: withZod.order });

  const wrong = workflow({ name: "wrong" }, (_x, ctx) =>
    // @ts-expect-error -- usd is a number
    ctx.run(arktype.cast.pay, { id: "A-1", usd: "3" }),
  );
  // @ts-expect-error -- the output schema wants a number of type string
  tool({ name: "wrong", description: "", output: withValibot.receipt, execute: () => ({ number: 7 }) });
  expect(wrong.name).toBe("wrong");
});
