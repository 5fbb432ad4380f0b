/** The whole desk as processes: it stops for a person, goes on after an answer and after a kill, and repeats nothing. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { message } from "../src/messages.ts";
import { openBank } from "../src/services/bank.ts";
import { readCard } from "../src/services/mail-card.ts";
import { readMailFolder } from "../src/services/mail-folder.ts";
import {
  askingIn,
  booksOf,
  decideAll,
  receiversOf,
  runCli,
  runDesk,
  startDesk,
  stopMailServer,
  summaryOf,
} from "./processes.ts";
import { until } from "./until.ts";

const messages = readFileSync(new URL("./inboxes/eight.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => message.parse(JSON.parse(line)));
const everybody = messages.map(({ from }) => from).sort();

/** Each test has a data folder of its own, so they run side by side. */
const desk = test.extend<{ folder: string }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the fixtures' names from the pattern
  folder: async ({}, use) => {
    const parent = mkdtempSync(join(tmpdir(), "desk-"));
    await use(join(parent, "data"));
    await stopMailServer(join(parent, "data"));
    rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
  },
}).concurrent;

function mailsIn(folder: string): number {
  return readMailFolder(join(folder, "mails")).list().length;
}

function bankIsThere(folder: string): boolean {
  return existsSync(join(folder, "bank.db"));
}

/** Quoted-printable breaks long lines with "=". */
function unfold(mail: string): string {
  return mail.replaceAll("=\r\n", "");
}

/** Everything done, each thing once: as the bank and the mail folder tell it. */
function expectAllDoneOnce(folder: string): void {
  expect(receiversOf(folder)).toEqual(everybody);
  expect(booksOf(folder)).toEqual({
    refunds: 2,
    refundedCents: 9650,
    paidTwice: 0,
    tickets: 3,
    blockedCards: 1,
    repeatedRefundCalls: 0,
  });
}

/** Starts, approves what waits, starts again. */
async function finish(folder: string): Promise<void> {
  const stopped = summaryOf(await runDesk(folder, "--json"));
  await decideAll(folder, stopped);
  expect(summaryOf(await runDesk(folder, "--json"))).toMatchObject({
    status: "completed",
    totals: { answered: 8, waiting: 0, failed: 0, mailsSent: 8, paymentsMade: 2, repeated: 0 },
  });
}

desk(
  "without a terminal it stops at the approval, says which command answers, and goes on after it",
  async ({ folder }) => {
    const first = await runDesk(folder);
    expect(first).toMatchObject({ code: 0, errors: "" });
    expect(first.output).toContain("7 of 8 answered");
    expect(first.output).toContain("Waiting for the manager: 84.00 EUR to Mira Holt");
    const command = /concertato -- approve (\S+) --db \S+/.exec(first.output);
    expect(booksOf(folder)).toMatchObject({ refunds: 1, refundedCents: 1250 });

    expect(await runCli(folder, "approve", command?.[1] ?? "")).toMatchObject({ code: 0 });
    const second = await runDesk(folder);
    expect(second.output).toContain("8 of 8 answered");
    expect(second.output).toContain("repeated 0");
    expectAllDoneOnce(folder);

    const third = await runDesk(folder);
    expect(third.output).toContain("--fresh");
    expectAllDoneOnce(folder);
  },
);

desk("journal, report and JSON hold no card number or address in clear", async ({ folder }) => {
  const { output } = await runDesk(folder, "--json");
  const files = readdirSync(folder).filter((file) => !file.startsWith("bank.db") && file !== "mails");
  expect(files).toContain("desk.db");
  const kept = [output, ...files.map((file) => readFileSync(join(folder, file), "latin1"))].join("\n");
  expect(kept).not.toContain("4539 1488 0343 6467");
  expect(kept).not.toContain("mira.holt@example.com");
  expect(statSync(join(folder, "payload.key")).mode & 0o077).toBe(0);
});

desk("an injected order moves no money and is reported to people", async ({ folder }) => {
  await finish(folder);
  const report = readFileSync(join(folder, "report.html"), "utf8");
  expect(report).toContain("the message gives orders");
  expect(report).not.toContain("5000.00 EUR back");
  expectAllDoneOnce(folder);
});

desk("a refund that the manager declines is not paid, and the customer is told", async ({ folder }) => {
  const stopped = summaryOf(await runDesk(folder, "--json"));
  await decideAll(folder, stopped, "reject", "--note", "ask for the receipt");
  expect(summaryOf(await runDesk(folder, "--json"))).toMatchObject({
    status: "completed",
    totals: { answered: 8, mailsSent: 8, paymentsMade: 1 },
  });
  const mails = readMailFolder(join(folder, "mails"));
  const toMira = mails
    .list()
    .map((file) => unfold(readFileSync(join(mails.directory, file), "utf8")))
    .find((mail) => mail.includes("To: mira.holt@"));
  expect(toMira).toContain("cannot pay it yet");
  expect(booksOf(folder)).toMatchObject({ refunds: 1, tickets: 4 });
});

desk("a payment that was paid back elsewhere while the manager thought is not paid again", async ({ folder }) => {
  const stopped = summaryOf(await runDesk(folder, "--json"));
  {
    using bank = openBank(join(folder, "bank.db"));
    bank.refund({ customerId: "c-101", paymentId: "p-2002", amountCents: 8400, creditedCents: 0 }, "at-the-counter");
  }
  await decideAll(folder, stopped);
  expect(summaryOf(await runDesk(folder, "--json"))).toMatchObject({
    status: "completed",
    totals: { answered: 8, repeated: 0 },
  });
  expect(booksOf(folder)).toMatchObject({ refunds: 2, paidTwice: 0, repeatedRefundCalls: 1, tickets: 4 });
});

desk("a cancelled run is said to be cancelled, and --fresh begins anew", async ({ folder }) => {
  await decideAll(folder, summaryOf(await runDesk(folder, "--json")), "cancel");
  const cancelled = await runDesk(folder);
  expect(cancelled).toMatchObject({ code: 0, output: expect.stringContaining("1 cancelled.") });
  expect(booksOf(folder)).toMatchObject({ refunds: 1 });
  expect(summaryOf(await runDesk(folder, "--json", "--fresh")).totals).toMatchObject({ answered: 7, mailsSent: 7 });
});

desk("a customer's next message waits until the one before is done, and the others do not", async ({ folder }) => {
  const inbox = join(folder, "..", "nine.jsonl");
  const next = { ...messages.find(({ id }) => id === "m-01"), id: "m-09", subject: "PIN", body: "I forgot my PIN." };
  writeFileSync(inbox, [...messages, next].map((each) => JSON.stringify(each)).join("\n"));
  const stopped = summaryOf(await runDesk(folder, "--inbox", inbox, "--json"));
  expect(stopped.totals).toMatchObject({ answered: 7, waiting: 2 });
  expect(askingIn(stopped)).toHaveLength(1);
  await decideAll(folder, stopped);
  expect(summaryOf(await runDesk(folder, "--inbox", inbox, "--json"))).toMatchObject({
    status: "completed",
    totals: { answered: 9, mailsSent: 9, paymentsMade: 2, repeated: 0 },
  });
});

desk("two desks on one inbox share the work and repeat nothing", async ({ folder }) => {
  const both = await Promise.all([runDesk(folder, "--json"), runDesk(folder, "--json")]);
  for (const one of both) expect(summaryOf(one).totals).toMatchObject({ answered: 7, waiting: 1 });
  await finish(folder);
  expectAllDoneOnce(folder);
});

desk.for([1, 12, 20, 34])(
  "killed after sentence %i and started again, it goes on and repeats nothing",
  async (sentences, { folder }) => {
    let heard = 0;
    const started = startDesk(folder, ["--json"], (line) => {
      if (line.includes('"did"') && ++heard === sentences) started.kill();
    });
    await started.ended;
    await finish(folder);
    expectAllDoneOnce(folder);
  },
);

desk.for([2, 15, 30])(
  "told to stop after sentence %i, it ends what is under way and goes; started again, it repeats nothing and asks nothing more",
  async (sentences, { folder }) => {
    let heard = 0;
    const started = startDesk(folder, ["--json"], (line) => {
      if (line.includes('"did"') && ++heard === sentences) started.stop();
    });
    expect(await started.ended).toMatchObject({ code: 0, errors: "" });
    await finish(folder);
    expectAllDoneOnce(folder);
  },
);

/** Moments that are seen from outside: in the mail folder, in the bank's books, in the mail server's card. */
const moments = [
  { moment: "the first mail is on disk", come: (folder: string) => mailsIn(folder) >= 1 },
  { moment: "the fifth mail is on disk", come: (folder: string) => mailsIn(folder) >= 5 },
  { moment: "the first refund is paid", come: (folder: string) => bankIsThere(folder) && booksOf(folder).refunds >= 1 },
  { moment: "the first ticket is open", come: (folder: string) => bankIsThere(folder) && booksOf(folder).tickets >= 1 },
  { moment: "the mail server is up", come: (folder: string) => readCard(join(folder, "mails")) !== null },
];

desk.for(moments)(
  "killed the moment $moment, it finds out what happened and repeats nothing",
  async ({ come }, { folder }) => {
    const started = startDesk(folder, ["--json"]);
    await until("the moment has come", () => come(folder));
    started.kill();
    await started.ended;
    await finish(folder);
    expectAllDoneOnce(folder);
  },
);

desk("killed while it pays the approved refund, it asks the bank and pays once", async ({ folder }) => {
  await decideAll(folder, summaryOf(await runDesk(folder, "--json")));
  const started = startDesk(folder, ["--json"]);
  await until("the money has moved", () => booksOf(folder).refunds === 2);
  started.kill();
  await started.ended;
  await finish(folder);
  expectAllDoneOnce(folder);
});

desk("the mail server is killed in the middle: it is started again and every mail arrives once", async ({ folder }) => {
  const started = startDesk(folder, ["--json"]);
  await until("the first mail is on disk", () => mailsIn(folder) >= 1);
  const pid = readCard(join(folder, "mails"))?.pid;
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  await started.ended;
  await finish(folder);
  expectAllDoneOnce(folder);
});

desk("--fresh forgets the work and does it anew; a folder of something else is not deleted", async ({ folder }) => {
  const first = summaryOf(await runDesk(folder, "--json"));
  const again = summaryOf(await runDesk(folder, "--json", "--fresh"));
  expect(askingIn(again)).not.toEqual(askingIn(first));
  expect(again.totals).toMatchObject({ answered: 7, mailsSent: 7, paymentsMade: 1 });
  const foreign = await runDesk(tmpdir(), "--fresh");
  expect(foreign.code).toBe(1);
  expect(foreign.errors).toContain("is not deleted");
});

desk("wrong options and a broken inbox are named, with what to do", async ({ folder }) => {
  expect(await runDesk(folder, "--frsh")).toMatchObject({ code: 2, errors: expect.stringContaining("--fresh") });
  expect(await runDesk(folder, "--inbox", "missing.jsonl")).toMatchObject({
    code: 1,
    errors: expect.stringContaining("--inbox"),
  });
});
