/** The desk with a model, over real HTTP: what it writes is marked, held against the facts, and never moves money by itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  garbage,
  modelServer,
  refuses,
  says,
  type Serve,
} from "../../../packages/concertato/test/agents/model-server.ts";
import { reviewDraft } from "../src/agents/validator.ts";
import { say } from "../src/agents/say.ts";
import { answer, statement, verdict } from "../src/messages.ts";
import { booksOf, decideAll, runDesk, stopMailServer, summaryOf } from "./processes.ts";

const facts = z.object({
  words: z.object({ subject: z.string(), body: z.string() }),
  facts: z.array(z.object({ text: z.string(), cites: z.array(z.string()) })),
  objections: z.array(z.object({ text: z.string() })),
});

const report = z.object({
  lines: z.array(
    z.object({
      message: z.object({ id: z.string() }),
      answer: answer.optional(),
      mail: z.object({ text: z.string() }).optional(),
      steps: z.array(z.object({ agent: z.string(), text: z.string(), event: z.string().optional() })),
      provenance: z.object({ statements: z.array(statement) }),
    }),
  ),
});

const judgedReport = z.object({ lines: z.array(z.object({ verdict, answer })) });

interface Worked {
  readonly lineOf: (id: string) => z.infer<typeof report>["lines"][number];
  readonly asked: readonly string[];
  readonly tools: ReadonlySet<string>;
  readonly folder: string;
}

/** The small inbox with a model that answers like this; each request is one assignment. */
async function workedWith(serve: (assignment: z.infer<typeof facts>) => Serve): Promise<Worked & AsyncDisposable> {
  const folder = join(mkdtempSync(join(tmpdir(), "desk-model-")), "data");
  const tools = new Set<string>();
  const asked: string[] = [];
  const reply: Serve = (response, request) => {
    for (const tool of request.tools ?? [])
      tools.add(z.object({ function: z.object({ name: z.string() }) }).parse(tool).function.name);
    const text = textOf(request.messages.find(({ role }) => role === "user")?.content);
    asked.push(JSON.stringify(request.messages));
    return serve(facts.parse(JSON.parse(text)))(response, request);
  };
  await using server = await modelServer(...Array.from({ length: 60 }, () => reply));
  const args = ["--json", "--model", `${server.url}#tiny`];
  const first = summaryOf(await runDesk(folder, ...args));
  await decideAll(folder, first);
  const last = summaryOf(await runDesk(folder, ...args));
  expect(last).toMatchObject({
    status: "completed",
    totals: { answered: 8, mailsSent: 8, paymentsMade: 2, repeated: 0 },
  });
  const { lines } = report.parse(JSON.parse(readFileSync(join(folder, "report.json"), "utf8")));
  return {
    folder,
    asked,
    tools,
    lineOf: (id) => {
      const line = lines.find(({ message }) => message.id === id);
      if (line === undefined) throw new Error(`There is no message ${id}.`);
      return line;
    },
    [Symbol.asyncDispose]: async () => {
      await stopMailServer(folder);
      rmSync(join(folder, ".."), { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Content is a text, or parts of one. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return z
    .array(z.object({ text: z.string() }))
    .parse(content)
    .map(({ text }) => text)
    .join("");
}

function writes(paragraphs: readonly { readonly text: string; readonly cites: readonly string[] }[]): Serve {
  return says({ content: JSON.stringify({ paragraphs }) });
}

/** What the facts say, in other words. */
const faithful = ({ facts: given }: z.infer<typeof facts>): Serve =>
  writes(given.map(({ text, cites }) => ({ text: `Dear customer: ${text}`, cites })));

test("what a model writes says so, in the answer, the mail and the report; what is done is what the records bear out", async () => {
  await using desk = await workedWith(faithful);
  const { answer: given, mail, provenance } = desk.lineOf("m-02");
  expect(given).toMatchObject({ composedBy: "tiny", works: [{ settlement: { kind: "refunded" } }] });
  expect(mail?.text).toContain("Dear customer:");
  expect(mail?.text).toContain("Written by tiny.");
  expect(provenance.statements.map(({ agent, composedBy }) => [agent, composedBy])).toContainEqual([
    "payments",
    "tiny",
  ]);
  expect(provenance.statements.filter(({ composedBy }) => composedBy === "rules").map(({ agent }) => agent)).toContain(
    "compose-mail",
  );
  const page = readFileSync(join(desk.folder, "report.html"), "utf8");
  expect(page).toContain("payments, written by tiny");
  expect(page).toContain("cost unknown");
  // A thank-you is no specialist's work, so no model is asked.
  expect(desk.lineOf("m-08").answer?.composedBy).toBe("rules");
  expect(booksOf(desk.folder)).toMatchObject({ refunds: 2, paidTwice: 0 });
}, 240_000);

test("the model sees no personal data and has one tool, which reads the policy", async () => {
  await using desk = await workedWith(faithful);
  expect([...desk.tools]).toEqual(["look-up-clause"]);
  const told = desk.asked.join("\n");
  expect(told).toContain("[card-1]");
  for (const secret of ["4539 1488", "mira.holt@", "+49 30 5550 1840", "DE89 3704"]) expect(told).not.toContain(secret);
}, 240_000);

test("an invented amount is sent back with the reason; what stays wrong is replaced by the words of the rules", async () => {
  await using desk = await workedWith((assignment) => {
    const { words, objections } = assignment;
    const lies = words.body.includes("Harbour Coffee") || (words.body.includes("Osaka") && objections.length === 0);
    if (!lies) return faithful(assignment);
    const [first] = assignment.facts;
    return writes([{ text: "We pay you 999.00 EUR.", cites: first?.cites ?? [] }]);
  });
  const mended = desk.lineOf("m-06");
  expect(mended.steps.find(({ event }) => event === "rejection")?.text).toContain("999.00");
  expect(mended.answer?.composedBy).toBe("tiny");
  expect(desk.asked.some((each) => each.includes("“999.00” is on no record that was given."))).toBe(true);
  const replaced = desk.lineOf("m-02");
  expect(replaced.answer?.composedBy).toBe("rules");
  expect(replaced.steps.find(({ event }) => event === "take-over")?.text).toContain("rejected it twice");
  expect(replaced.mail?.text).not.toContain("999");
}, 240_000);

test("without a usable answer of the model the rules' words are sent, and the report says why", async () => {
  await using desk = await workedWith(({ words }) =>
    words.body.includes("Osaka") ? garbage() : refuses(401, '{"error":{"message":"wrong key"}}'),
  );
  for (const id of ["m-02", "m-06"]) {
    const { answer: given, steps } = desk.lineOf(id);
    expect(given?.composedBy).toBe("rules");
    expect(steps.filter(({ event }) => event === "take-over")).toHaveLength(1);
  }
}, 240_000);

test("a model's draft may name no source and no figure that it was not given", () => {
  const draft = { topic: "t", finding: "", composedBy: "tiny" };
  const given = [say("You paid 12.50 EUR on 2026-03-04.", "payments p-1")];
  const broken = (text: string, ...cites: readonly string[]) =>
    reviewDraft({
      draft: { ...draft, paragraphs: [say(text, ...cites)] },
      ...{ facts: given, receivedAt: "2026-03-04T08:00:00Z", customerState: "verified", warnings: [] },
    }).objections.map(({ text: why }) => why);
  expect(broken("On 2026-03-04 it was 12.50 EUR.", "payments p-1")).toEqual([]);
  expect(broken("It was 12.5 EUR.", "payments p-1")).toHaveLength(1);
  expect(broken("It was so.", "payments p-2")).toHaveLength(1);
  expect(broken("It was so.", "2.1")).toHaveLength(1);
});

test("where the panel finds no majority the model says whose the message is; the voices that disagree are kept", async () => {
  const parent = mkdtempSync(join(tmpdir(), "desk-judge-"));
  const [folder, inbox] = [join(parent, "data"), join(parent, "one.jsonl")];
  const body = "My transfer and my withdrawal did not work yesterday.";
  const one = { id: "m-1", from: "jonas.feld@example.com", name: "Jonas Feld", receivedAt: "2026-03-04T08:05:00Z" };
  writeFileSync(inbox, JSON.stringify({ ...one, subject: "Two troubles", body }));
  const serve: Serve = (response, request) => {
    const text = textOf(request.messages.find(({ role }) => role === "user")?.content);
    const judges = text.includes('"votes"');
    expect(request.tools === undefined).toBe(judges);
    const word = says({ content: JSON.stringify({ member: "judge", area: "cash", why: "it names a withdrawal" }) });
    return (judges ? word : faithful(facts.parse(JSON.parse(text))))(response, request);
  };
  await using server = await modelServer(serve, serve, serve);
  const args = ["--inbox", inbox, "--json", "--model", `${server.url}#tiny`];
  expect(summaryOf(await runDesk(folder, ...args))).toMatchObject({ status: "completed" });
  const [line] = judgedReport.parse(JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))).lines;
  expect(line?.verdict).toMatchObject({
    area: "cash",
    votes: [{ member: "meaning", area: "transfers" }, {}, {}, { member: "tiny", area: "cash" }],
    dissent: [{ member: "meaning" }],
  });
  expect(line?.answer.works.map(({ specialist }) => specialist)).toEqual(["cash"]);
  await stopMailServer(folder);
  rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
}, 240_000);
