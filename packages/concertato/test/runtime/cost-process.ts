/**
 * Counts what a step costs, in a process of its own so that nothing else is counted: statements by table, log pages,
 * bytes kept, heap allocated. Started without optimising compilers and with room for the whole, allocations are the same
 * at every run. Prints one line of JSON: scenario -> cost of one unit.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { type Agent, type App, type Context, done, human, next, open, tool, workflow } from "../../src/index.ts";
import { virtualWorld } from "../../src/testing/index.ts";
import type { Costs } from "./costs.ts";

const [folder = ""] = process.argv.slice(2);

const text = "A customer asks why a card payment was taken twice. ".repeat(4);
const schema = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;
const stepOf = (effect: "read" | "write") =>
  tool({
    name: `step-${effect}`,
    description: "",
    effect,
    input: schema,
    output: schema,
    execute: async (value) => ({ n: (value as { n: number }).n + 1, text }),
  });
const read = stepOf("read");
const write = stepOf("write");
const person = human({ name: "person", output: schema });
const callee = workflow({ name: "callee", uses: [read as Agent] }, (input, ctx) => ctx.run(read, input));

type Body = (units: number, ctx: Context) => Promise<unknown>;

/** Each does so many units of one kind of work in one run. */
const bodies: Readonly<Record<string, Body>> = {
  "read step": async (units, ctx) => {
    let value: unknown = { n: 0, text };
    for (let unit = 0; unit < units; unit++) value = await ctx.run(read, value);
    return value;
  },
  "write step": async (units, ctx) => {
    let value: unknown = { n: 0, text };
    for (let unit = 0; unit < units; unit++) value = await ctx.run(write, value);
    return value;
  },
  "nested workflow of one step": async (units, ctx) => {
    let value: unknown = { n: 0, text };
    for (let unit = 0; unit < units; unit++) value = await ctx.run(callee, value);
    return value;
  },
  "map item": async (units, ctx) => {
    const items = Array.from({ length: units }, (_, n) => ({ n, text }));
    return (await ctx.map(items, read)).length;
  },
  "loop turn of one step": (units, ctx) =>
    ctx.loop<{ n: number; text: string }, number>({ n: 0, text }, async (state, turn) => {
      if (state.n === units) return done(state.n);
      return next((await turn.run(read, state)) as { n: number; text: string });
    }),
};

const agents = Object.entries(bodies).map(([name, body]) =>
  workflow({ name: name.replaceAll(" ", "-"), uses: [read, write, callee] as Agent[] }, (units, ctx) =>
    body(units as number, ctx),
  ),
);
const asking = workflow({ name: "asking", uses: [person] as Agent[] }, (input, ctx) => ctx.run(person, input));

// --- counting -------------------------------------------------------------------------------------------------------

const statements = new Map<string, number>();

function countStatement(sql: string): void {
  const [, verb = sql, table = ""] =
    /^\s*(begin|commit|select|insert into|update|delete from|pragma|with)\s*(\w+)?/i.exec(sql) ?? [];
  const name = /insert|update|delete/.test(verb) ? `${verb} ${table}` : verb;
  statements.set(name, (statements.get(name) ?? 0) + 1);
}

for (const method of ["run", "get", "all"] as const) {
  const original = StatementSync.prototype[method];
  StatementSync.prototype[method] = function (this: StatementSync, ...values: never[]) {
    countStatement(this.sourceSQL);
    return Reflect.apply(original, this, values) as never;
  } as never;
}

function heapUsed(): number {
  return process.memoryUsage().heapUsed;
}

interface Reading {
  readonly statements: Readonly<Record<string, number>>;
  readonly logBytes: number;
  readonly heapBytes: number;
  readonly keptBytes: number;
}

async function counted(file: string, work: () => Promise<unknown>): Promise<Reading> {
  statements.clear();
  const log = statSync(`${file}-wal`).size;
  const kept = keptBytes(file);
  globalThis.gc?.();
  const heap = heapUsed();
  await work();
  const heapBytes = heapUsed() - heap;
  return {
    statements: Object.fromEntries([...statements].filter(([name]) => !/^(select|pragma|with)$/.test(name))),
    logBytes: statSync(`${file}-wal`).size - log,
    heapBytes,
    keptBytes: keptBytes(file) - kept,
  };
}

/** Text and payload bytes of all entries and rows, whatever pages they lie in. */
function keptBytes(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const bytes = db
    .prepare(
      `select (select coalesce(sum(length(op) + length(name) + coalesce(length(meta), 0) + coalesce(length(body), 0)), 0) from entry)
        + (select coalesce(sum(length(id) + length(tenant) + length(input_hash) + coalesce(length(note), 0)), 0) from run) as bytes`,
    )
    .get();
  db.close();
  return Number(bytes?.["bytes"]);
}

// --- scenarios ------------------------------------------------------------------------------------------------------

const few = 20;
const many = 220;
/** For the heap: a new space has pages of 256 kB, and an array that does not fit into the rest of one wastes that rest. */
const most = 820;

/** What 200 units more cost, divided by 200 (of the heap 800). In a file of its own, so that no checkpoint falls into it. */
async function perUnit(name: string, work: (app: App, units: number) => Promise<unknown>): Promise<Costs> {
  const file = join(folder, `${name.replaceAll(" ", "-")}.db`);
  const app = await open(file, { world: virtualWorld(), agents: [...agents, asking] as Agent[] });
  for (let warmup = 0; warmup < 3; warmup++) await work(app, few);
  const small = await counted(file, () => work(app, few));
  const large = await counted(file, () => work(app, many));
  const largest = await counted(file, () => work(app, most));
  await app.close();
  const each = (bigger: number, smaller: number) => (bigger - smaller) / (many - few);
  const counts = Object.keys(large.statements)
    .map((table) => [table, each(large.statements[table] ?? 0, small.statements[table] ?? 0)] as const)
    .filter(([, count]) => count !== 0);
  return {
    statements: Object.fromEntries(counts.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    logBytes: Math.round(each(large.logBytes, small.logBytes)),
    keptBytes: Math.round(each(large.keptBytes, small.keptBytes)),
    heapBytes: Math.round((largest.heapBytes - small.heapBytes) / (most - few)),
  };
}

async function runOnce(app: App, agent: Agent | undefined, units: number): Promise<void> {
  if (agent !== undefined) await (await app.start(agent, units as never)).result();
}

/** Starts so many runs that each wait for a person, answers all, and waits until all have ended. */
async function askAndAnswer(app: App, units: number): Promise<void> {
  const jobs = await Promise.all(
    Array.from({ length: units }, (_, n) => app.start(asking as Agent<unknown>, { n, text })),
  );
  await app.settle();
  await Promise.all(jobs.map((job) => app.answer(job.runId, "0.0", { n: 1, text })));
  await Promise.all(jobs.map((job) => job.result()));
}

const costs: Record<string, Costs> = {};
for (const agent of agents) {
  const name = agent.name.replaceAll("-", " ");
  costs[name] = await perUnit(name, (app, units) => runOnce(app, agent as Agent, units));
}
costs["read step of 10 runs at once"] = await perUnit("together", (app, units) =>
  Promise.all(Array.from({ length: 10 }, () => runOnce(app, agents[0] as Agent, units / 10))),
);
costs["run that asks a person"] = await perUnit("asking", askAndAnswer);
process.stdout.write(`${JSON.stringify(costs)}\n`);
