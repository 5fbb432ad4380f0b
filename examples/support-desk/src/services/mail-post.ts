/**
 * The desk's way to the mail server: finds the one of this data folder or starts it, sends over SMTP, and asks whether
 * a Message-ID was accepted. When a connection breaks in the middle of a mail it asks before it reports a failure.
 * It never retries a mail by itself.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createTransport } from "nodemailer";
import { z } from "zod";
import { type MailServerCard, mailServerGreeting, readCard } from "./mail-card.ts";

export interface OutgoingMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The id of the message it answers. */
  readonly answers?: string | undefined;
  /** The mail it answers, and those before it. */
  readonly thread?: { readonly messageId: string; readonly references: readonly string[] } | undefined;
  /** Who chose the words; told in a header. */
  readonly composedBy: string;
}

/** What the mail server knows about a Message-ID. "unknown": it could not say in time. */
export type Acceptance = "yes" | "no" | "unknown";

export interface Post extends AsyncDisposable {
  readonly directory: string;
  /** Hands a mail to the server. When it answers, the server has it on disk. @throws when the server did not take it */
  readonly send: (mail: OutgoingMail, messageId: string) => Promise<void>;
  readonly accepted: (messageId: string) => Promise<Acceptance>;
  /** The server that answers now; started when there is none. */
  readonly server: () => Promise<MailServerCard>;
}

export interface PostOptions {
  /** How long the server stays when nobody is connected. Default 15 s. */
  readonly lingerMs?: number;
}

const startLimitMs = 15_000;
const answerLimitMs = 20_000;

const controlAnswer = z.object({ id: z.number(), answer: z.enum(["yes", "no", "unknown"]) });

/** A connection to a server that has proven to be ours. */
interface Line {
  readonly card: MailServerCard;
  readonly socket: Socket;
  readonly ask: (request: { readonly ask: string; readonly messageId?: string }) => Promise<Acceptance>;
}

/** Opens the post of a folder; the server is found or started at once, and again whenever it has gone. */
export async function openPost(directory: string, options: PostOptions = {}): Promise<Post> {
  mkdirSync(directory, { recursive: true });
  let current: Promise<Line> | undefined;
  const line = async (): Promise<Line> => {
    current ??= findOrStart(directory, options).catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    const open = await current;
    if (!open.socket.destroyed) return open;
    current = undefined;
    return line();
  };
  await line();
  const accepted = async (messageId: string): Promise<Acceptance> => (await line()).ask({ ask: "accepted", messageId });
  return {
    directory,
    accepted,
    server: async () => (await line()).card,
    send: async (mail, messageId) => {
      const { card } = await line();
      await send(card, mail, messageId).catch(async (error: unknown) => {
        if ((await accepted(messageId)) !== "yes") throw error;
      });
    },
    [Symbol.asyncDispose]: async () => {
      const open = await current?.catch(() => undefined);
      if (open === undefined || open.socket.destroyed) return;
      await open.ask({ ask: "stop-when-alone" }).catch(() => undefined);
      open.socket.destroy();
    },
  };
}

/** Asks the server of a folder to end as soon as nobody is connected, if one is there. */
export async function dismissServer(directory: string): Promise<void> {
  const card = readCard(directory);
  const line = card === null ? null : await call(card);
  if (line === null) return;
  await line.ask({ ask: "stop-when-alone" });
  line.socket.destroy();
}

async function send(card: MailServerCard, mail: OutgoingMail, messageId: string): Promise<void> {
  const transport = createTransport({
    host: "127.0.0.1",
    port: card.smtpPort,
    secure: false,
    ignoreTLS: true,
    name: "desk.larkfield.test",
  });
  try {
    const { answers, thread, composedBy, ...letter } = mail;
    await transport.sendMail({
      ...letter,
      messageId,
      headers: { "X-Composed-By": composedBy, ...(answers === undefined ? {} : { "X-Answers": answers }) },
      ...(thread === undefined
        ? {}
        : { inReplyTo: thread.messageId, references: [...thread.references, thread.messageId] }),
    });
  } finally {
    transport.close();
  }
}

/** A crashed desk leaves its server behind; the next desk adopts it. Two desks that start at once share one. */
async function findOrStart(directory: string, { lingerMs = 15_000 }: PostOptions): Promise<Line> {
  const deadline = Date.now() + startLimitMs;
  let started: number | undefined;
  for (;;) {
    const card = readCard(directory);
    const line = card === null ? null : await call(card);
    if (line !== null) return line;
    if (Date.now() > deadline)
      throw new Error(
        `The mail server of ${directory} did not start within ${startLimitMs / 1000} s. See server.log there.`,
      );
    // A server that is just ending still holds the folder; ours then gives way, and we start another.
    if (started === undefined || !isAlive(started)) started = startServer(directory, lingerMs);
    await pause(25);
  }
}

/** In a session of its own, so that Ctrl+C and a crash of the desk do not take it along. */
function startServer(directory: string, lingerMs: number): number | undefined {
  const log = openSync(join(directory, "server.log"), "a", 0o600);
  const program = fileURLToPath(new URL("mail-server.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", program, directory, String(lingerMs)],
    {
      detached: true,
      stdio: ["ignore", log, log],
      windowsHide: true,
    },
  );
  child.on("error", () => undefined);
  child.unref();
  closeSync(log);
  return child.pid;
}

/** Connects and checks the greeting. Null when nobody answers, or somebody else does. */
async function call(card: MailServerCard): Promise<Line | null> {
  const socket = connect(card.controlPort, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket }).on("error", () => socket.destroy());
  const greeting = await firstLine(socket, lines);
  const proof = mailServerGreeting.safeParse(parseJson(greeting ?? ""));
  if (!proof.success || proof.data.secret !== card.secret) {
    socket.destroy();
    return null;
  }
  // From here on the connection only shows the server that we are there; it does not keep our process alive.
  socket.unref();
  return { card, socket, ask: conversation(socket, lines) };
}

function firstLine(socket: Socket, lines: ReturnType<typeof createInterface>): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  socket.setTimeout(2000, () => socket.destroy());
  socket.once("close", () => resolve(null));
  lines.once("line", (line) => resolve((socket.setTimeout(0), line)));
  return promise;
}

/** Questions and answers over one connection, matched by number. A lost connection rejects what is open. */
function conversation(socket: Socket, lines: ReturnType<typeof createInterface>): Line["ask"] {
  const open = new Map<number, PromiseWithResolvers<Acceptance>>();
  let count = 0;
  lines.on("line", (line) => {
    const { id, answer } = controlAnswer.parse(parseJson(line));
    open.get(id)?.resolve(answer);
  });
  socket.once("close", () =>
    open.forEach(({ reject }) => reject(new Error("The mail server went away before it answered."))),
  );
  return async (request) => {
    const id = ++count;
    const question = Promise.withResolvers<Acceptance>();
    open.set(id, question);
    const timer = setTimeout(() => question.resolve("unknown"), answerLimitMs);
    socket.ref().write(`${JSON.stringify({ ...request, id })}\n`);
    try {
      return await question.promise;
    } finally {
      clearTimeout(timer);
      open.delete(id);
      if (open.size === 0) socket.unref();
    }
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
