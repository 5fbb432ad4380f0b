/**
 * A real SMTP server in a process of its own. It says 250 only when the mail is on disk for good, and it answers one
 * more question on a control port: was a mail with this Message-ID accepted? It listens on 127.0.0.1 only, keeps every
 * mail it gets (duplicates too), and ends itself when nobody has been connected for a while.
 *
 *   node mail-server.ts FOLDER LINGER_MS
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { DatabaseSync } from "node:sqlite";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { z } from "zod";
import { removeCard, writeCard } from "./mail-card.ts";
import { type MailFolder, openMailFolder } from "./mail-folder.ts";

/** What a desk may ask on the control port, one JSON line each. */
const controlRequest = z.discriminatedUnion("ask", [
  z.object({ ask: z.literal("accepted"), id: z.number(), messageId: z.string() }),
  z.object({ ask: z.literal("stop-when-alone"), id: z.number() }),
]);

/** How long an answer waits for mails that are being received. */
const settleMs = 10_000;
const largestMail = 10 * 1024 * 1024;

interface Office {
  readonly folder: MailFolder;
  readonly presence: Presence;
  /** Mails being received or written now. */
  readonly receiving: Set<Promise<void>>;
}

/** Counts who is connected, and says when nobody has been for a while. */
class Presence {
  readonly #lingerMs: number;
  readonly #leave: () => void;
  #connected = 0;
  #goodbye = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(lingerMs: number, leave: () => void) {
    this.#lingerMs = lingerMs;
    this.#leave = leave;
    this.#wait();
  }

  arrive(): void {
    this.#connected++;
    this.#goodbye = false;
    clearTimeout(this.#timer);
  }

  depart(): void {
    this.#connected--;
    if (this.#connected === 0) this.#wait();
  }

  /** A desk that ends in good order needs no lingering. */
  sayGoodbye(): void {
    this.#goodbye = true;
  }

  #wait(): void {
    this.#timer = setTimeout(this.#leave, this.#goodbye ? 0 : this.#lingerMs);
  }
}

await serve(process.argv[2] ?? "mails", Number(process.argv[3] ?? 15_000));

async function serve(directory: string, lingerMs: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const lock = lockFolder(directory);
  const closing: (() => void)[] = [];
  const presence = new Presence(lingerMs, () => closing.forEach((close) => close()));
  const office: Office = { folder: await openMailFolder(directory), presence, receiving: new Set() };
  const secret = randomBytes(24).toString("hex");
  const smtp = smtpServer(office);
  const control = createServer((socket) => attend(office, secret, socket));
  for (const server of [smtp.server, control]) server.on("connection", (socket: Socket) => count(presence, socket));
  const [smtpPort, controlPort] = await Promise.all([listen(smtp.server), listen(control)]);
  writeCard(directory, { pid: process.pid, smtpPort, controlPort, secret });
  closing.push(
    () => removeCard(directory, process.pid),
    () => smtp.close(),
    () => control.close(),
    () => lock.close(),
  );
}

/** One server per folder: the operating system frees this lock when its holder dies, however it dies. */
function lockFolder(directory: string): DatabaseSync {
  const lock = new DatabaseSync(join(directory, "server.lock"), { timeout: 0 });
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch {
    console.log("Another mail server has this folder; leaving it the work.");
    process.exit(0);
  }
  return lock;
}

function smtpServer(office: Office): SMTPServer {
  const options: SMTPServerOptions = {
    banner: "Larkfield mail",
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    size: largestMail,
    rejectOversized: true,
    onData: (stream, _session, done) => void receive(office, stream, done),
  };
  const server = new SMTPServer(options);
  server.on("error", (error) => console.error(`SMTP: ${error.message}`));
  return server;
}

/** `done()` is the 250; it comes after the folder has promised. A sender gone half-way leaves nothing behind. */
async function receive(office: Office, stream: Readable, done: (error?: Error) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  office.receiving.add(promise);
  try {
    const mail = Buffer.concat(await stream.toArray());
    if (mail.length > largestMail) throw new Error("The mail is too large.");
    await office.folder.store(mail);
    done();
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  } finally {
    office.receiving.delete(promise);
    resolve();
  }
}

/** Counts a connection from its first to its last moment. */
function count(presence: Presence, socket: Socket): void {
  presence.arrive();
  socket.on("close", () => presence.depart());
}

function attend(office: Office, secret: string, socket: Socket): void {
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket }).on("error", () => socket.destroy());
  lines.on("line", (line) => void reply(office, socket, line));
  socket.write(`${JSON.stringify({ service: "larkfield-mail", secret })}\n`);
}

async function reply(office: Office, socket: Socket, line: string): Promise<void> {
  const request = controlRequest.safeParse(parseJson(line));
  if (!request.success) return void socket.destroy();
  const { data } = request;
  if (data.ask === "stop-when-alone") office.presence.sayGoodbye();
  const answer = data.ask === "accepted" ? await accepted(office, data.messageId) : "yes";
  if (!socket.destroyed) socket.write(`${JSON.stringify({ id: data.id, answer })}\n`);
}

/**
 * A sender that died may have left a whole mail in the network buffers, so whatever is being received now is awaited
 * before a "no" is said.
 */
async function accepted({ folder, receiving }: Office, messageId: string): Promise<"yes" | "no" | "unknown"> {
  const settled = await withinTime(Promise.all(receiving), settleMs);
  if (folder.find(messageId).length > 0) return "yes";
  return settled ? "no" : "unknown";
}

async function withinTime(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), limitMs);
  const inTime = await Promise.race([work.then(() => true), late.promise]);
  clearTimeout(timer);
  return inTime;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  // A TCP server that listens has an AddressInfo; strings are for pipes.
  return (server.address() as AddressInfo).port;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
