/**
 * The outside world as a process of its own. It is never killed. It dawdles, fails and hangs at random, most of all
 * between an effect and its answer, so that kills meet that moment. Ends when its standard input does.
 *   node ledger.ts FILE SEED
 */
import { openSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LedgerBook } from "./ledger-book.ts";
import type { Order } from "./outside.ts";
import { Random } from "./random.ts";

/** How one call goes: pauses before and after the effect (ms), and whether the answer is a failure. */
interface Mood {
  readonly before: number;
  readonly after: number;
  readonly fails: "no" | "before" | "after";
}

const [file = "", seed = ""] = process.argv.slice(2);
const book = new LedgerBook(openSync(file, "a"));
const random = new Random(seed);
/** Calls per operation: only the first of them is troubled. */
const seen = new Set<string>();
/** Pauses under way: a calm world ends them at once. */
const pauses = new Set<() => void>();
let calm = false;

/** Longer than a worker usually lives. */
const hangMs = 1_500;
const serene: Mood = { before: 0, after: 0, fails: "no" };

function moodFor(order: Order): Mood {
  if (calm || seen.has(order.label)) return serene;
  seen.add(order.label);
  const dice = random.for(order.label);
  const roll = dice.next();
  if (roll < 0.35) return serene;
  if (roll < 0.5) return { ...serene, before: dice.between(3, 60) };
  if (roll < 0.7) return { ...serene, after: dice.between(3, 90) };
  if (roll < 0.82) return { ...serene, after: hangMs };
  // What throws without a probe is a failure for good: a wire is spared that.
  if (order.tool === "wire") return { ...serene, after: dice.between(3, 90) };
  return { ...serene, fails: roll < 0.91 ? "before" : "after" };
}

function pause(ms: number): Promise<void> {
  if (ms === 0 || calm) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      pauses.delete(end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    pauses.add(end);
  });
}

async function effect(order: Order): Promise<unknown> {
  const mood = moodFor(order);
  await pause(mood.before);
  if (mood.fails === "before") throw new Error("out of order; nothing happened");
  const receipt = book.execute(order);
  if (receipt === undefined) throw new Error("too late: this was said not to have happened");
  await pause(mood.after);
  if (mood.fails === "after") throw new Error("out of order; it happened all the same");
  return receipt;
}

async function answer(path: string, body: unknown): Promise<unknown> {
  // Only this harness speaks to the ledger, and each path has one kind of body.
  if (path === "/effect") return effect(body as Order);
  if (path === "/find") return book.find(body as Order);
  if (path === "/records") return book.records();
  if (path !== "/calm") throw new Error(`there is no ${path}`);
  calm = true;
  for (const end of [...pauses]) end();
  return {};
}

async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const piece of incoming.setEncoding("utf8")) text += piece;
  try {
    const body = JSON.stringify(await answer(incoming.url ?? "", JSON.parse(text)));
    response.writeHead(200).end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

const server = createServer((incoming, response) => {
  // A connection that breaks is a worker that was killed: what it asked for has happened or has not.
  serve(incoming, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.stdin.on("end", () => process.exit(0)).resume();
process.on("SIGINT", () => undefined);
