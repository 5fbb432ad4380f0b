/**
 * `--chaos N`: works an inbox while the working process is killed N times with SIGKILL, at random moments, and started
 * again; then holds what is in the ledgers of bank and mail server against the inbox. The moments are spread over the
 * work: some while the process starts and picks up what the last one left, most right after or between two acts.
 */
import { setTimeout as pause } from "node:timers/promises";
import { clearFolder, dataFolder, makeFolder } from "../data-folder.ts";
import { openInbox } from "../inbox/open-inbox.ts";
import type { DeskOptions } from "../options.ts";
import type { Terminal } from "../views/terminal.ts";
import { expectationOf, isSound, leaksIn, prove, type Proof } from "./proof.ts";
import { type Did, startWorker, type Worker } from "./worker.ts";

/** What is told while it goes on. */
export interface ChaosStage {
  readonly terminal: Terminal;
  readonly tell: (event: object) => void;
}

export interface ChaosResult extends Kills {
  readonly seconds: number;
  readonly proof: Proof;
}

/** How often the process was killed. */
interface Kills {
  readonly killed: number;
  /** Of these, so often when nothing was left to do: it only looked for work. */
  readonly idle: number;
}

/** Acts of agents for one message, on average: so the kills are spread over the whole inbox. */
const actsPerMessage = 8;
/** With so many messages at once, about a third of a life's acts come in one burst. */
const actsPerBurst = 3;
/** So often is the journal of a killed process searched for personal data. */
const searches = 5;
/** Acts come in bursts, so a life has more of them than it was given: it is given less than twice its share. */
const burstFactor = 1.2;
/** One kill in so many comes while the process starts. */
const startKills = 5;
const longestStartMs = 1500;
/** After an act, at most so long until the kill: it falls between two acts as well as into one. */
const longestPauseMs = 15;

/** @returns whether nothing was lost, repeated, paid without an order, or left in clear */
export async function runChaos(options: DeskOptions, kills: number, stage: ChaosStage): Promise<boolean> {
  const inbox = await openInbox(options.inbox);
  const folder = dataFolder(options.data);
  if (options.fresh) await clearFolder(folder);
  makeFolder(folder);
  const startedAt = Date.now();
  const expected = await expectationOf(inbox, options.limit);
  const leaks = new Set<string>();
  const acts = expected.ids.size * actsPerMessage;
  const concurrency = Math.max(1, Math.min(options.concurrency, Math.ceil(acts / kills / actsPerBurst)));
  const done = await killAndRestart({ ...options, concurrency }, kills, acts, (did, count) => {
    tellKill(stage, count, kills, did);
    // The log of the journal is at its longest now: nobody has closed it.
    if (count % Math.ceil(kills / searches) === 0)
      for (const leak of leaksIn(folder, expected.secrets)) leaks.add(leak);
  });
  const found = prove(folder, expected);
  const proof = { ...found, leaked: [...new Set([...found.leaked, ...leaks])] };
  report(stage, { ...done, seconds: (Date.now() - startedAt) / 1000, proof });
  return isSound(proof);
}

/**
 * Starts and kills until all kills are done and a last process has ended by itself. Where the work is over before, the
 * others are killed while they look for some.
 */
async function killAndRestart(
  options: DeskOptions,
  kills: number,
  acts: number,
  killedAfter: (last: Did | undefined, killed: number) => void,
): Promise<Kills> {
  let heard = 0;
  let idle = 0;
  let over = false;
  for (let killed = 0; ; ) {
    let last: Did | undefined;
    const share = over ? 0 : Math.max(1, (acts - heard) / (kills - killed + 1));
    const moment = momentOfKill(killed < kills, share);
    const worker = startWorker(options, (did) => {
      heard++;
      last = did;
      moment.heard();
    });
    const code = await killedOrEnded(worker, moment.come);
    if (code !== null) {
      if (code !== 0 && code !== 3) throw new Error(`The desk ended with code ${code}. Its message is above.`);
      if (killed === kills) return { killed, idle };
      over = true;
      continue;
    }
    if (over) idle++;
    killedAfter(last, ++killed);
  }
}

/** The exit code of a worker that ended by itself, or null. */
async function killedOrEnded(worker: Worker, come: Promise<void>): Promise<number | null> {
  void come.then(() => worker.kill());
  return worker.ended;
}

interface Moment {
  readonly come: Promise<void>;
  /** One more act was heard of. */
  readonly heard: () => void;
}

/**
 * A random moment: while it starts, or some acts and a blink later; always while it starts when there are no acts to come.
 * Never, when no kill is left.
 */
function momentOfKill(wanted: boolean, share: number): Moment {
  const { promise: come, resolve } = Promise.withResolvers<void>();
  const after = (ms: number): void => void pause(Math.random() * ms, undefined, { ref: false }).then(resolve);
  let left = Math.ceil(Math.random() * burstFactor * share);
  if (wanted && (share === 0 || Math.random() < 1 / startKills)) after(longestStartMs);
  return {
    come,
    heard: () => {
      if (wanted && --left === 0) after(longestPauseMs);
    },
  };
}

function tellKill({ terminal, tell }: ChaosStage, killed: number, kills: number, last: Did | undefined): void {
  const { line, paint, marks } = terminal;
  tell({ type: "killed", killed, after: last ?? null });
  const after =
    last === undefined ? "before it had done anything" : `after ${last.message} ${last.agent}: ${last.text}`;
  const width = Math.max(20, terminal.width - 24);
  const short = after.length > width ? `${after.slice(0, width - 1)}${marks.ellipsis}` : after;
  line(`  ${paint("bad", marks.bad)} killed ${killed} of ${kills} ${paint("quiet", short)}`);
}

function report({ terminal, tell }: ChaosStage, { killed, idle, seconds, proof }: ChaosResult): void {
  const { line, paint, marks } = terminal;
  tell({ type: "proof", killed, idle, seconds, ...proof });
  const { messages, mails, payments, waiting } = proof;
  const rows = [
    [
      "killed",
      `${killed} times with SIGKILL in ${seconds.toFixed(0)} s${idle === 0 ? "" : `, ${idle} of them with nothing left to do`}`,
    ],
    ["inbox", `${messages} messages, ${waiting.length} of them wait for a person`],
    ["mails", `${mails} in the mail server's folder`],
    ["payments", `${payments} in the bank's books`],
  ];
  line();
  for (const [name = "", text = ""] of rows) line(`  ${paint("quiet", name.padEnd(10))}${text}`);
  for (const [name, found] of Object.entries({
    lost: proof.lost,
    repeated: proof.repeated,
    unordered: proof.unordered,
    "in clear": proof.leaked,
  }))
    for (const each of found) line(`  ${paint("bad", `${marks.bad} ${name}: ${each}`)}`);
  line();
  const sums = `killed ${killed}, lost ${proof.lost.length}, repeated ${proof.repeated.length}, paid without order ${proof.unordered.length}, in clear ${proof.leaked.length}`;
  line(`  ${paint(isSound(proof) ? "good" : "bad", `${isSound(proof) ? marks.done : marks.bad} ${sums}`)}`);
}
