/**
 * Large and foreign inboxes through the whole desk: every record has an outcome, who waits for a person holds no place,
 * reading an inbox twice answers nothing twice, and a mail is answered in its thread.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { answersOf, readMailFolder } from "../src/services/mail-folder.ts";
import { runDesk, startDesk, stopMailServer, summaryOf } from "./processes.ts";

const desk = test.extend<{ folder: string }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the fixtures' names from the pattern
  folder: async ({}, use) => {
    const parent = mkdtempSync(join(tmpdir(), "desk-scale-"));
    await use(join(parent, "data"));
    await stopMailServer(join(parent, "data"));
    rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
  },
});
const limitMs = 240_000;

const intake = z.object({
  intake: z.object({ messages: z.number(), duplicates: z.number(), setAside: z.number(), complete: z.boolean() }),
});

function intakeOf(output: string): z.infer<typeof intake>["intake"] {
  return intake.parse(JSON.parse(output.trim().split("\n").at(-1) ?? "")).intake;
}

function outcomesIn(folder: string): readonly { readonly id: string; readonly status: string }[] {
  const line = z.object({ id: z.string(), status: z.string() });
  const lines = readFileSync(join(folder, "outcomes.jsonl"), "utf8").trim().split("\n");
  return lines.map((text) => line.parse(JSON.parse(text)));
}

function writeInbox(folder: string, name: string, text: string): string {
  const file = join(folder, "..", name);
  writeFileSync(file, text);
  return file;
}

const subjects = ["a top-up", "my transfer", "this fee", "a new card", "the cash machine", "a refund", "my passport"];
const askings = ["Why does it take so long with", "Where do I see", "Who can help me with", "What is wrong with"];

/** One-line questions, no two the same. */
function questions(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const asking = askings[index % askings.length] ?? "";
    return `${asking} ${subjects[index % subjects.length] ?? ""}, number ${index}?`;
  });
}

desk(
  "hundreds of one-line questions: each has an outcome and one mail, and broken rows are set aside",
  async ({ folder }) => {
    const count = 300;
    const rows = [...questions(count), '"a quote that never closes'];
    const file = writeInbox(folder, "questions.csv", `text\n${rows.join("\n")}\n`);
    const first = await runDesk(folder, "--inbox", file, "--exit", "--json");
    expect(first).toMatchObject({ code: 0, errors: "" });
    expect(summaryOf(first)).toMatchObject({
      status: "completed",
      totals: { answered: count, mailsSent: count, repeated: 0 },
    });
    expect(intakeOf(first.output)).toEqual({ messages: count, duplicates: 0, setAside: 1, complete: true });
    expect(new Set(outcomesIn(folder).map(({ id, status }) => `${id} ${status}`)).size).toBe(count);
    const [aside = ""] = readdirSync(join(folder, "set-aside"));
    expect(JSON.parse(readFileSync(join(folder, "set-aside", aside), "utf8"))).toMatchObject({
      line: count + 2,
      reason: "a quote in it does not close",
      text: '"a quote that never closes',
    });

    const again = await runDesk(folder, "--inbox", file, "--exit", "--json");
    expect(summaryOf(again)).toMatchObject({ status: "completed", totals: { answered: count, mailsSent: count } });
  },
  limitMs,
);

desk(
  "killed in the middle of a large inbox and started again, it reads it again and answers each question once",
  async ({ folder }) => {
    const count = 300;
    const file = writeInbox(folder, "questions.csv", `text\n${questions(count).join("\n")}\n`);
    for (const sentences of [40, 400]) {
      let heard = 0;
      const started = startDesk(folder, ["--inbox", file, "--exit", "--json"], (line) => {
        if (line.includes('"did"') && ++heard === sentences) started.kill();
      });
      await started.ended;
    }
    const last = await runDesk(folder, "--inbox", file, "--exit", "--json");
    expect(summaryOf(last)).toMatchObject({
      status: "completed",
      totals: { answered: count, mailsSent: count, repeated: 0 },
    });
    expect(new Set(outcomesIn(folder).map(({ id }) => id)).size).toBe(count);
  },
  limitMs,
);

desk(
  "one message at a time: those that wait for the manager hold no place",
  async ({ folder }) => {
    const { code, output, errors } = await runDesk(folder, "--concurrency", "1", "--exit", "--json");
    expect({ code, errors }).toEqual({ code: 3, errors: "" });
    expect(summaryOf({ code, output, errors })).toMatchObject({
      status: "waiting",
      totals: { answered: 7, waiting: 1 },
    });
  },
  limitMs,
);

desk(
  "--limit takes the first messages, and the rest the next time",
  async ({ folder }) => {
    const file = writeInbox(folder, "questions.csv", `text\n${questions(5).join("\n")}\n`);
    const first = await runDesk(folder, "--inbox", file, "--limit", "2", "--json");
    expect(summaryOf(first).totals).toMatchObject({ answered: 2, mailsSent: 2 });
    expect(intakeOf(first.output).complete).toBe(false);
    expect(summaryOf(await runDesk(folder, "--inbox", file, "--json")).totals).toMatchObject({
      answered: 5,
      mailsSent: 5,
    });
  },
  limitMs,
);

desk(
  "a mail is answered in its thread; the same mail twice is answered once; a program's mail is not",
  async ({ folder }) => {
    const mail = [
      "From tom Wed Mar  4 08:00:00 2026",
      "From: Tom Reyes <tom.reyes@example.com>",
      "Subject: Top-up declined again",
      "Date: Wed, 4 Mar 2026 09:05:00 +0100",
      "Message-ID: <t2@example.com>",
      "References: <t1@example.com>",
      "Content-Type: text/html",
      "",
      "<p>My <b>top-up</b> of 200.00 EUR was declined.</p>",
      "",
      "",
    ].join("\r\n");
    const robot = "From x\r\nFrom: a@example.com\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n";
    const file = writeInbox(folder, "old.mbox", mail + mail + robot);
    const { output } = await runDesk(folder, "--inbox", file, "--json");
    expect(intakeOf(output)).toMatchObject({ messages: 1, duplicates: 1, setAside: 1 });
    const { directory, list } = readMailFolder(join(folder, "mails"));
    const [sent, ...more] = list().map((name) => readFileSync(join(directory, name)));
    expect(more).toEqual([]);
    expect(sent?.toString()).toContain("\r\nIn-Reply-To: <t2@example.com>\r\n");
    expect(sent?.toString()).toContain("\r\nReferences: <t1@example.com> <t2@example.com>\r\n");
    expect(sent?.toString()).toContain("You can top up 50.00 EUR");
    expect(outcomesIn(folder).map(({ id }) => id)).toEqual([answersOf(sent ?? Buffer.alloc(0))]);
  },
  limitMs,
);

desk("a CSV without a text column changes nothing and names its columns", async ({ folder }) => {
  const file = writeInbox(folder, "a.csv", "id,mood\n1,sad\n");
  const ended = await runDesk(folder, "--inbox", file);
  expect(ended).toMatchObject({ code: 1, errors: expect.stringContaining('Its columns are: "id", "mood".') });
});
