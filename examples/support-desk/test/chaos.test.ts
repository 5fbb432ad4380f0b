/**
 * The desk under kills, judged from outside: every message has one mail or waits for a person, every payment is made once
 * and because an answer ordered it, nothing stands in clear in the journal. And the judge itself: it sees each of these
 * when it is planted. `npm run desk:chaos` does the same with the sample inbox and 50 kills.
 */
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { expectationOf, isSound, prove, type Proof } from "../src/chaos/proof.ts";
import { dataFolder } from "../src/data-folder.ts";
import { openInbox } from "../src/inbox/open-inbox.ts";
import { readMailFolder } from "../src/services/mail-folder.ts";
import { eight, runDesk, stopMailServer } from "./processes.ts";

const parent = mkdtempSync(join(tmpdir(), "desk-chaos-"));
const folder = dataFolder(join(parent, "data"));
const kills = 6;
const limitMs = 240_000;

afterAll(async () => {
  await stopMailServer(folder.directory);
  rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
});

const told = z.looseObject({ type: z.string() });

async function proof(): Promise<Proof> {
  return prove(folder, await expectationOf(await openInbox(eight)));
}

test("killed six times at random moments, the desk loses and repeats nothing; planted faults are seen", {
  timeout: limitMs,
}, async () => {
  const { code, output, errors } = await runDesk(folder.directory, "--chaos", String(kills), "--json");
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const events = output
    .trim()
    .split("\n")
    .map((line) => told.parse(JSON.parse(line)));
  expect(events.filter(({ type }) => type === "killed")).toHaveLength(kills);
  expect(events.at(-1)).toMatchObject({ type: "proof", killed: kills, lost: [], repeated: [], leaked: [] });
  expect(await proof()).toMatchObject({ messages: 8, mails: 7, payments: 1, waiting: ["m-01"] });

  const mails = readMailFolder(folder.mails);
  const [first = ""] = mails.list();
  copyFileSync(join(mails.directory, first), join(mails.directory, first.replace(/-\w+\.eml$/, "-again.eml")));
  expect((await proof()).repeated).toEqual([expect.stringMatching(/^mail to m-0\d$/)]);
  for (const file of mails.list()) if (file.slice(0, 40) === first.slice(0, 40)) rmSync(join(mails.directory, file));
  expect((await proof()).lost).toEqual([expect.stringMatching(/^m-0\d$/)]);

  using bank = new DatabaseSync(folder.bank);
  const move = "INSERT INTO movements (payment, amount_cents, reference, at) VALUES (?, 1, 'x', '2026')";
  bank.prepare(move).run("p-2012");
  bank.prepare(move).run("p-2002");
  const paid = await proof();
  expect(paid.repeated).toEqual(["payment p-2012"]);
  expect(paid.unordered).toEqual(["p-2002"]);

  appendFileSync(`${folder.desk}-planted`, "…Mira Holt, 4539 1488 0343 6467…");
  expect((await proof()).leaked).toEqual(
    expect.arrayContaining(["“Mira Holt” in desk.db-planted", "“4539 1488 0343 6467” in desk.db-planted"]),
  );
  expect(isSound(await proof())).toBe(false);
});
