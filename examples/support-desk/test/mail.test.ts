/** The mail server and the post, as real processes on a real disk. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCard } from "../src/services/mail-card.ts";
import { messageIdOf, readMailFolder } from "../src/services/mail-folder.ts";
import { openPost, type OutgoingMail } from "../src/services/mail-post.ts";
import { isAlive, until } from "./until.ts";

const mail: OutgoingMail = {
  from: "desk@larkfield.test",
  to: "mira.holt@example.com",
  subject: "Your refund",
  text: "On its way.",
  composedBy: "rules",
};

/** Speaks SMTP up to the middle of a mail's text. */
async function startMail(port: number, messageId: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  const replies = createInterface({ input: socket })[Symbol.asyncIterator]();
  const say = async (line: string, code: string): Promise<void> => {
    if (line !== "") socket.write(`${line}\r\n`);
    let reply: string;
    do reply = String((await replies.next()).value);
    while (!reply.startsWith(`${code} `));
  };
  await say("", "220");
  await say("EHLO test", "250");
  await say("MAIL FROM:<desk@larkfield.test>", "250");
  await say("RCPT TO:<mira.holt@example.com>", "250");
  await say("DATA", "354");
  socket.write(`Message-ID: ${messageId}\r\n\r\nThe first half, `);
  return socket;
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "desk-mail-"));
});
afterEach(async () => {
  const pid = readCard(folder)?.pid;
  if (pid !== undefined && isAlive(pid)) process.kill(pid, "SIGKILL");
  if (pid !== undefined) await until("the mail server has ended", () => !isAlive(pid));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe("mail server", () => {
  test("a mail answered with 250 survives kill -9 of the server right after", async () => {
    await using post = await openPost(folder);
    const { pid } = await post.server();
    await post.send(mail, "<a1@desk.larkfield.test>");
    process.kill(pid, "SIGKILL");
    const [file, ...more] = readMailFolder(folder).find("<a1@desk.larkfield.test>");
    expect(more).toEqual([]);
    expect(messageIdOf(readFileSync(join(folder, file ?? "")))).toBe("<a1@desk.larkfield.test>");
  });

  test("the probe knows what was accepted, also after the server was killed and started again", async () => {
    await using post = await openPost(folder);
    expect(await post.accepted("<b1@desk.larkfield.test>")).toBe("no");
    await post.send(mail, "<b1@desk.larkfield.test>");
    const { pid } = await post.server();
    process.kill(pid, "SIGKILL");
    await until("the mail server has ended", () => !isAlive(pid));
    expect(await post.accepted("<b1@desk.larkfield.test>")).toBe("yes");
    expect(await post.accepted("<b2@desk.larkfield.test>")).toBe("no");
    expect((await post.server()).pid).not.toBe(pid);
  });

  test("a mail sent twice is stored twice: a repeat is visible", async () => {
    await using post = await openPost(folder);
    await post.send(mail, "<c1@desk.larkfield.test>");
    await post.send(mail, "<c1@desk.larkfield.test>");
    expect(readMailFolder(folder).find("<c1@desk.larkfield.test>")).toHaveLength(2);
  });

  test("a probe waits for a mail that is being received and counts it when it comes whole", async () => {
    await using post = await openPost(folder);
    const sender = await startMail((await post.server()).smtpPort, "<d1@desk.larkfield.test>");
    const probe = post.accepted("<d1@desk.larkfield.test>");
    sender.end("the rest\r\n.\r\n");
    expect(await probe).toBe("yes");
  });

  test("a mail whose sender died half-way is not accepted and leaves nothing behind", async () => {
    await using post = await openPost(folder);
    const sender = await startMail((await post.server()).smtpPort, "<d2@desk.larkfield.test>");
    const probe = post.accepted("<d2@desk.larkfield.test>");
    sender.destroy();
    expect(await probe).toBe("no");
    expect(readMailFolder(folder).list()).toEqual([]);
    expect(readdirSync(join(folder, "incoming"))).toEqual([]);
  });

  test("two posts of one folder share one server, and it ends when the last one leaves", async () => {
    const [first, second] = await Promise.all([openPost(folder), openPost(folder)]);
    const { pid } = await first.server();
    expect((await second.server()).pid).toBe(pid);
    await first[Symbol.asyncDispose]();
    expect(isAlive(pid)).toBe(true);
    await second[Symbol.asyncDispose]();
    await until("the mail server has ended", () => !isAlive(pid));
    expect(readCard(folder)).toBeNull();
  });

  test("a stranger on the port of a dead server is not believed", async () => {
    const stranger = createServer((socket) =>
      socket.end(`${JSON.stringify({ service: "larkfield-mail", secret: "x".repeat(48) })}\n`),
    );
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const { port } = stranger.address() as AddressInfo;
    const card = { pid: process.pid, smtpPort: port, controlPort: port, secret: "y".repeat(48) };
    writeFileSync(join(folder, "server.json"), JSON.stringify(card));
    await using post = await openPost(folder);
    expect((await post.server()).controlPort).not.toBe(port);
    stranger.close();
  });

  test("a server whose desk was killed stays for its lingering time, then ends by itself", async () => {
    const module = JSON.stringify(new URL("../src/services/mail-post.ts", import.meta.url).href);
    const program = `const { openPost } = await import(${module}); await openPost(${JSON.stringify(folder)}, { lingerMs: 200 }); setInterval(() => {}, 1000);`;
    const desk = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "ignore" });
    await until("the mail server is up", () => readCard(folder) !== null);
    const pid = readCard(folder)?.pid ?? 0;
    desk.kill("SIGKILL");
    expect(isAlive(pid)).toBe(true);
    await until("the mail server has ended", () => !isAlive(pid));
    expect(readCard(folder)).toBeNull();
  });
});
