/** What the doctor finds of the store: its file, its disk, its runs and the processes at work on it. */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type App, ConcertatoError } from "concertato";
import { CliError } from "../cli-error.ts";
import { chosenFile, openChosen } from "../find-store.ts";
import type { Shell } from "../shell.ts";
import { sizeWords } from "../views/words.ts";
import type { Finding } from "./machine.ts";

/** Below, everything is read; above, that takes long and is left to `check`. */
const readWhole = 50_000_000;

/** Open runs that are looked at. */
const looked = 1_000;

export async function storeFindings(shell: Shell): Promise<readonly Finding[]> {
  let app: App;
  try {
    app = await openChosen(shell.storeChoice);
  } catch (error) {
    return [openFinding(error, shell)];
  }
  try {
    const file = (await chosenFile(shell.storeChoice)) ?? "";
    return [
      { name: "store", state: "good", message: `${file}, ${sizeWords(statSync(file).size)}` },
      ...diskFindings(file),
      ...(await runFindings(app, shell)),
      ...(await soundness(app, file, shell)),
    ];
  } catch (error) {
    return [openFinding(error, shell)];
  } finally {
    await app.close();
  }
}

function openFinding(error: unknown, { command }: Shell): Finding {
  const message = error instanceof Error ? error.message : String(error);
  // None chosen, or none there yet: nothing is broken.
  if (error instanceof CliError) return { name: "store", state: "note", message };
  const code = ConcertatoError.is(error) ? `${error.code}: ` : "";
  return { name: "store", state: "bad", message: code + message, remedy: `Then look again: ${command("doctor")}` };
}

function diskFindings(file: string): readonly Finding[] {
  return [rightsFinding(file), walFinding(file), ...fileSystemFindings(file)].filter(
    (finding) => finding !== undefined,
  );
}

function rightsFinding(file: string): Finding | undefined {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return undefined;
  } catch {
    return {
      name: "rights",
      state: "bad",
      message: `This user cannot write ${file} or its folder.`,
      remedy: "Give the user both; SQLite makes files beside it.",
    };
  }
}

/** A write-ahead log is cut at 16 MB; one that grows has a reader that never ends. */
const longWal = 128_000_000;

function walFinding(file: string): Finding | undefined {
  const wal = `${file}-wal`;
  const size = existsSync(wal) ? statSync(wal).size : 0;
  if (size < longWal) return undefined;
  return {
    name: "log",
    state: "warn",
    message: `The write-ahead log has ${sizeWords(size)}.`,
    remedy: "Something reads without end (another program on the file?); end it, or restart the workers.",
  };
}

/** By the numbers of linux/magic.h. */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "XFS"],
  [0x9123683e, "Btrfs"],
  [0x2fc12fc1, "ZFS"],
  [0x794c7630, "overlay"],
  [0x01021994, "tmpfs"],
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
]);
/** Whether the disk is on this machine is not known of these. */
const uncertain: ReadonlySet<string> = new Set(["FUSE", "9P"]);

const tightSpace = 1_000_000_000;
const noSpace = 100_000_000;

function fileSystemFindings(file: string): readonly Finding[] {
  const { type, bavail, bsize } = statfsSync(dirname(file));
  const name = process.platform === "linux" ? fileSystems.get(type) : undefined;
  return [...(name === undefined ? [] : [fileSystemFinding(name)]), spaceFinding(bavail * bsize)];
}

export function fileSystemFinding(name: string): Finding {
  if (uncertain.has(name))
    return {
      name: "file system",
      state: "warn",
      message: `${name}: it may lie on another machine, where locks do not hold.`,
      remedy: "Put the store on a local disk.",
    };
  if (name === "tmpfs")
    return {
      name: "file system",
      state: "warn",
      message: "tmpfs: it is gone when the machine restarts.",
      remedy: "Put the store on a disk.",
    };
  return { name: "file system", state: "good", message: name };
}

export function spaceFinding(free: number): Finding {
  const message = `${sizeWords(free)} free`;
  if (free >= tightSpace) return { name: "space", state: "good", message };
  const remedy = "Make room: concertato prune --older-than 30d deletes finished runs.";
  return { name: "space", state: free < noSpace ? "bad" : "warn", message, remedy };
}

/** A clock that is so much behind what is recorded has been set back. */
const setBackMs = 60_000;

async function runFindings(app: App, { world, command }: Shell): Promise<readonly Finding[]> {
  const runs = await app.runs({ status: ["queued", "running", "waiting", "diverged"], limit: looked });
  const alive = (await app.processes()).filter((process) => process.alive);
  const [newest] = await app.runs({ limit: 1 });
  const latest = Math.max(0, newest?.updatedAt ?? 0, ...runs.map(({ updatedAt }) => updatedAt));
  const count = (status: string): number => runs.filter((run) => run.status === status).length;
  const left = [
    ...new Set(
      runs.flatMap(({ waiting }) => waiting.filter(({ kind }) => kind === "no-worker").map(({ name }) => name)),
    ),
  ];
  const open = `${runs.length}${runs.length === looked ? " or more" : ""} open`;
  const findings: Finding[] = [
    {
      name: "runs",
      state: "good",
      message: `${open}: ${count("waiting")} waiting, ${count("running")} running, ${count("queued")} queued`,
    },
    {
      name: "processes",
      state: "good",
      message:
        alive.length === 0
          ? "none at work"
          : `at work: ${alive.map(({ pid, runs: held }) => `${pid} (${held} runs)`).join(", ")}`,
    },
  ];
  if (count("diverged") > 0)
    findings.push({
      name: "diverged",
      state: "warn",
      message: `${count("diverged")} runs do not fit their code.`,
      remedy: command("ls --status diverged"),
    });
  if (left.length > 0)
    findings.push({
      name: "no worker",
      state: "warn",
      message: `Runs wait for a process that has ${left.join(", ")}.`,
      remedy: command("work FILE"),
    });
  if (latest > world.now() + setBackMs)
    findings.push({
      name: "clock",
      state: "warn",
      message: `The store has entries of ${new Date(latest).toISOString()}, which is in the future.`,
      remedy: "Set the clock right; until then timers end late.",
    });
  return findings;
}

async function soundness(app: App, file: string, { command }: Shell): Promise<readonly Finding[]> {
  if (statSync(file).size > readWhole)
    return [{ name: "content", state: "note", message: "Not read: it is large.", remedy: command("check") }];
  const { runs, entries, damaged, file: broken } = await app.check();
  const locked = damaged.filter(({ code }) => code === "codec/key-missing").length;
  if (broken.length > 0 || damaged.length > locked)
    return [
      {
        name: "content",
        state: "bad",
        message: `${damaged.length} of ${runs} runs are damaged${broken.length > 0 ? ", and so is the file" : ""}.`,
        remedy: `See which: ${command("check")}; restore them from a backup (docs/guides/upkeep.md).`,
      },
    ];
  if (locked > 0)
    return [
      {
        name: "content",
        state: "bad",
        message: `${locked} of ${runs} runs are encrypted, and their key is not here.`,
        remedy: "Name it: --key-file FILE or CONCERTATO_KEY_FILE.",
      },
    ];
  return [{ name: "content", state: "good", message: `${runs} runs with ${entries} entries are sound` }];
}
