/** Inboxes of every format, as strangers write them: what is a message, what is set aside, and where it stands. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openInbox } from "../src/inbox/open-inbox.ts";
import { byteLines } from "../src/inbox/byte-lines.ts";
import { keepStdin } from "../src/inbox/stdin-inbox.ts";
import { InboxError, type IncomingRecord, type InboxRecord, type SetAside } from "../src/inbox/record.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "desk-inbox-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string): Promise<readonly InboxRecord[]> {
  const { records } = await openInbox(path);
  const all: InboxRecord[] = [];
  for await (const record of records()) all.push(record);
  return all;
}

function messagesIn(records: readonly InboxRecord[]): readonly IncomingRecord["message"][] {
  return records.flatMap((record) => (record.kind === "message" ? [record.message] : []));
}

function asideIn(records: readonly InboxRecord[]): readonly SetAside[] {
  return records.flatMap((record) => (record.kind === "set-aside" ? [record] : []));
}

async function errorOf(path: string): Promise<InboxError> {
  try {
    await openInbox(path);
  } catch (error) {
    if (error instanceof InboxError) return error;
    throw error;
  }
  throw new Error("It was opened.");
}

describe("JSON lines", () => {
  test("a line that is no message is set aside with its place, and the next one is read", async () => {
    const good = JSON.stringify({ id: "a", from: "Mira Holt <mira@example.com>", text: "Hello", date: "2026-03-04" });
    const lines = [good, "{ broken", '["x"]', '{"id":"b"}', '{"text":"x","from":"nobody"}', '{"text":7}'];
    const records = await read(file("inbox.jsonl", `${lines.join("\r\n")}\n\n${good.replace('"a"', '"c"')}`));
    expect(messagesIn(records)).toMatchObject([
      { id: "a", from: "mira@example.com", name: "Mira Holt", body: "Hello", receivedAt: "2026-03-04T00:00:00.000Z" },
      { id: "inbox-6", from: "web-form@larkfield.test", name: "", body: "7", receivedAt: "" },
      { id: "c" },
    ]);
    const at = (line: number) => ({
      line,
      offset: lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 2, 0),
    });
    expect(asideIn(records).map(({ at: { line, offset }, reason }) => ({ line, offset, reason }))).toEqual([
      { ...at(2), reason: "it is not JSON" },
      { ...at(3), reason: "it is no JSON object" },
      { ...at(4), reason: "it has no text" },
      { ...at(5), reason: "its sender “nobody” is no e-mail address" },
    ]);
    expect(asideIn(records)[0]?.raw.toString()).toBe("{ broken");
  });

  test("bytes that are not UTF-8 are set aside as they stand", async () => {
    const latin = Buffer.concat([Buffer.from('{"text":"caf'), Buffer.from([0xe9]), Buffer.from('"}')]);
    const clear = Buffer.from(`{"text":"${"x".repeat(70_000)}"}\n`);
    const [first, second] = await read(file("inbox.jsonl", Buffer.concat([clear, latin])));
    expect(first?.kind).toBe("message");
    expect(second).toMatchObject({ kind: "set-aside", reason: "it is not UTF-8", raw: latin });
  });

  test("the key of a record is the same whenever it is read, and holds nothing of it", async () => {
    const path = file("inbox.jsonl", '{"id":"mira@example.com","text":"a"}\n{"text":"a"}\n{"text":"a"}\n');
    const keys = (await read(path)).map((record) => (record.kind === "message" ? record.key : ""));
    expect(new Set(keys).size).toBe(3);
    expect((await read(path)).map((record) => (record.kind === "message" ? record.key : ""))).toEqual(keys);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("CSV", () => {
  test("one column of questions needs no quotes, with or without a mark, with any line ends", async () => {
    const path = file("questions.csv", '\uFEFFtext\r\nHow, where and why?\r\n"He said ""no"""\r\n\r\nLast "word" here');
    expect(messagesIn(await read(path)).map(({ body }) => body)).toEqual([
      "How, where and why?",
      'He said "no"',
      'Last "word" here',
    ]);
  });

  test("columns have their usual names in any case, quoted values may hold line ends and delimiters", async () => {
    const text = 'Ticket ID;E-Mail;Subject;Text;Mood\n7;mira@example.com;Card;"first; line\r\nsecond ""line""";sad\n';
    const [record] = await read(file("a.csv", text));
    expect(record).toMatchObject({
      at: { line: 2 },
      message: { id: "7", from: "mira@example.com", subject: "Card", body: 'first; line\nsecond "line"' },
    });
  });

  test("a row that is broken costs itself and not the rest; a quote that never closes too", async () => {
    const rows = ["id,text", "1,a", '2,"open', "3,c", '4,x "y" z', "5,too,many", '6,"b"', "7"];
    const records = await read(file("a.csv", rows.join("\n")));
    expect(messagesIn(records).map(({ id }) => id)).toEqual(["1", "3", "6"]);
    expect(asideIn(records).map(({ at: { line }, reason }) => [line, reason])).toEqual([
      [3, expect.stringContaining("quote")],
      [5, "its quotes are not those of CSV"],
      [6, "it has 3 values for 2 columns; a text that holds “,” needs quotes"],
      [8, "it has no text"],
    ]);
  });

  test("a file without a text column is refused with the columns it has", async () => {
    const error = await errorOf(file("a.csv", "id, mood ,from\n1,2,3\n"));
    expect(error.code).toBe("inbox/columns-missing");
    expect(error.message).toContain('"id", "mood", "from"');
  });

  test("UTF-16 and Windows-1252, as spreadsheets write them", async () => {
    const wide = file("wide.csv", Buffer.from("\uFEFFtext\r\nWo ist mein Geld? Grüße\r\n", "utf16le"));
    expect(messagesIn(await read(wide))[0]?.body).toBe("Wo ist mein Geld? Grüße");
    const narrow = file(
      "narrow.csv",
      Buffer.concat([Buffer.from("text\nGr"), Buffer.from([0xfc]), Buffer.from("n\n")]),
    );
    expect(messagesIn(await read(narrow))[0]?.body).toBe("Grün");
  });
});

const mail = (...lines: readonly string[]): string => lines.join("\r\n");
const plainMail = mail(
  "From: =?utf-8?Q?J=C3=B6rg_Feld?= <joerg@example.com>",
  "To: support@larkfield.test",
  "Subject: =?utf-8?B?R3LDvMOfZQ==?=",
  "Date: Wed, 4 Mar 2026 09:05:00 +0100",
  "Message-ID: <m1@example.com>",
  "In-Reply-To: <r2@desk.larkfield.test>",
  "References: <r1@example.com> <r2@desk.larkfield.test>",
  "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "Wo ist meine =DCberweisung?",
  "From here on it is quoted.",
);

describe("mails", () => {
  test("sender, subject, date, thread and text are decoded", async () => {
    expect(messagesIn(await read(file("one.eml", plainMail)))).toMatchObject([
      {
        id: expect.stringMatching(/^mail-[0-9a-f]{8}$/),
        from: "joerg@example.com",
        name: "Jörg Feld",
        subject: "Grüße",
        receivedAt: "2026-03-04T08:05:00.000Z",
        body: "Wo ist meine Überweisung?\nFrom here on it is quoted.",
        thread: { messageId: "<m1@example.com>", references: ["<r1@example.com>", "<r2@desk.larkfield.test>"] },
      },
    ]);
  });

  test("HTML alone is read as text; of two parts the plain one counts; attachments are named", async () => {
    const html = mail(
      "From: a@example.com",
      "Content-Type: text/html",
      "",
      "<style>p{}</style><p>My card<br>is &amp; was <b>lost</b></p><script>x()</script>",
    );
    const [first] = messagesIn(await read(file("html.eml", html)));
    expect(first?.body).toMatch(/^My card\n+is & was lost$/);
    const parts = mail(
      "From: a@example.com",
      'Content-Type: multipart/mixed; boundary="b"',
      "",
      "--b",
      'Content-Type: multipart/alternative; boundary="c"',
      "",
      "--c",
      "Content-Type: text/plain",
      "",
      "plain",
      "--c",
      "Content-Type: text/html",
      "",
      "<b>rich</b>",
      "--c--",
      "--b",
      'Content-Type: application/pdf; name="bill.pdf"',
      "Content-Disposition: attachment; filename=bill.pdf",
      "Content-Transfer-Encoding: base64",
      "",
      Buffer.alloc(30 * 1024 * 1024).toString("base64"),
      "--b--",
    );
    const [second] = messagesIn(await read(file("large.eml", parts)));
    expect(second?.body).toBe("plain\n[attachment: bill.pdf, application/pdf, not read]");
  });

  test("what programs send, and what names no sender, is set aside", async () => {
    const reasons = async (...headers: readonly string[]): Promise<string | undefined> =>
      asideIn(await read(file("a.eml", mail(...headers, "", "x"))))[0]?.reason;
    expect(await reasons("From: a@example.com", "Auto-Submitted: auto-replied")).toContain("a program sent it");
    expect(await reasons("From: a@example.com", "Precedence: bulk")).toContain("a program sent it");
    expect(await reasons("Return-Path: <>", "From: a@example.com")).toContain("a program sent it");
    expect(await reasons("Subject: hi")).toBe("it names no sender with an e-mail address");
  });

  test("an mbox is cut where mails begin, and quoted lines are given back", async () => {
    const second = mail(
      "From: b@example.com",
      "Message-ID: <m2@example.com>",
      "",
      "One.",
      ">From me",
      ">>From you",
      "",
    );
    const box = `From a Wed Mar  4 08:00:00 2026\n${plainMail}\n\nFrom b Wed Mar  4 08:01:00 2026\r\n${second}\nFrom c\nno header at all\n`;
    const records = await read(file("old-mail", box));
    expect(messagesIn(records).map(({ from, body }) => [from, body.split("\n").at(-1)])).toEqual([
      ["joerg@example.com", "From here on it is quoted."],
      ["b@example.com", ">From you"],
    ]);
    expect(messagesIn(records)[1]?.body).toBe("One.\nFrom me\n>From you");
    expect(asideIn(records)).toMatchObject([{ at: { line: box.slice(0, box.indexOf("From c")).split("\n").length } }]);
  });

  test("a maildir is read from new and cur; a folder is read file by file", async () => {
    for (const name of ["new", "cur", "tmp"]) mkdirSync(join(folder, "box", name), { recursive: true });
    writeFileSync(join(folder, "box", "cur", "1.host:2,S"), plainMail);
    writeFileSync(join(folder, "box", "new", "2.host"), plainMail.replaceAll("m1@", "m2@"));
    writeFileSync(join(folder, "box", "tmp", "3.host"), plainMail);
    expect(messagesIn(await read(join(folder, "box"))).map(({ thread }) => thread?.messageId)).toEqual([
      "<m1@example.com>",
      "<m2@example.com>",
    ]);
    mkdirSync(join(folder, "mixed"));
    writeFileSync(join(folder, "mixed", "a.csv"), "text\nfrom csv\n");
    writeFileSync(join(folder, "mixed", "b.eml"), plainMail);
    writeFileSync(join(folder, "mixed", "notes.txt"), "Call the bank.\n");
    mkdirSync(join(folder, "mixed", "older"));
    writeFileSync(join(folder, "mixed", "older", "c.jsonl"), '{"text":"from a folder inside"}\n');
    const mixed = await read(join(folder, "mixed"));
    expect(messagesIn(mixed).map(({ id, from, body }) => [id, from, body.slice(0, 13)])).toEqual([
      ["a-1", "web-form@larkfield.test", "from csv"],
      [expect.stringContaining("mail-"), "joerg@example.com", "Wo ist meine "],
      ["older-c-1", "web-form@larkfield.test", "from a folder"],
    ]);
    expect(asideIn(mixed)).toMatchObject([{ at: { file: join(folder, "mixed", "notes.txt") } }]);
  });
});

test("an empty file is an empty inbox; what is no text, missing or a JSON array is refused with what to do", async () => {
  expect(await read(file("empty.csv", "\uFEFF \n"))).toEqual([]);
  expect((await errorOf(file("array.json", '[{"text":"a"}]'))).message).toContain("one object to a line");
  expect((await errorOf(file("picture.png", Buffer.from([1, 0, 2])))).code).toBe("inbox/format-unknown");
  expect((await errorOf(join(folder, "missing.csv"))).code).toBe("inbox/unreadable");
});

test("lines are cut out of any chunks with their places, and one that is too long is never held", async () => {
  const chunks = ["ab\nc", "d\r", "\n", "x".repeat(5000), "x".repeat(5000), "\nlast"].map((text) => Buffer.from(text));
  const lines: unknown[] = [];
  for await (const { bytes, number, offset, cut } of byteLines(Readable.from(chunks), 6000))
    lines.push([bytes.length, number, offset, cut]);
  expect(lines).toEqual([
    [2, 1, 0, false],
    [2, 2, 3, false],
    [4096, 3, 7, true],
    [4, 4, 10_008, false],
  ]);
});

test("standard input is kept under a name that follows from its content until it was handed in", async () => {
  const pipe = (): Readable => Readable.from([Buffer.from("text\na"), Buffer.from("b\n")]);
  const first = await keepStdin(folder, pipe());
  const second = await keepStdin(folder, pipe());
  expect(second.path).toBe(first.path);
  expect(messagesIn(await read(first.path)).map(({ body }) => body)).toEqual(["ab"]);
  first.done();
  expect((await errorOf(first.path)).code).toBe("inbox/unreadable");
});
