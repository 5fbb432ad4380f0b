/** What the doctor finds of the machine, its models and the terminal. */
import { cpus, freemem, totalmem } from "node:os";
import { modelReport } from "concertato";
import type { CliWorld } from "../shell.ts";
import { sizeWords } from "../views/words.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** `note`: worth knowing. `warn`: to be looked at. `bad`: to be mended. */
  readonly state: "good" | "note" | "warn" | "bad";
  readonly message: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
}

/** Major versions of Node that the project is tested on. */
const testedNodes = [24, 26];

export function machineFindings(world: CliWorld): readonly Finding[] {
  const memory = `${sizeWords(freemem())} of ${sizeWords(totalmem())} memory free, ${cpus().length} cores`;
  return [
    nodeFinding(process.versions.node),
    sqliteFinding(process.versions["sqlite"]),
    clockFinding(world.now()),
    { name: "machine", state: "note", message: `${process.platform} ${process.arch}, ${memory}` },
  ];
}

export function nodeFinding(version: string): Finding {
  const major = Number(version.split(".")[0]);
  if (major < 24)
    return { name: "node", state: "bad", message: `Node ${version} is too old.`, remedy: "Install Node 24 or 26." };
  if (!testedNodes.includes(major))
    return {
      name: "node",
      state: "warn",
      message: `Node ${version}: not a version this is tested on.`,
      remedy: "Use Node 24 or 26.",
    };
  return { name: "node", state: "good", message: `Node ${version}` };
}

/** The first version of SQLite with everything that the store uses (RETURNING, STRICT tables). */
const oldestSqlite = [3, 37] as const;

export function sqliteFinding(version: string | undefined): Finding {
  const [major = 0, minor = 0] = (version ?? "0").split(".").map(Number);
  const isNew = major > oldestSqlite[0] || (major === oldestSqlite[0] && minor >= oldestSqlite[1]);
  if (version !== undefined && isNew) return { name: "sqlite", state: "good", message: `SQLite ${version}` };
  return {
    name: "sqlite",
    state: "bad",
    message: version === undefined ? "This Node has no SQLite." : `SQLite ${version} is too old.`,
    remedy: "Use an official build of Node 24 or 26.",
  };
}

/** Before the first release of this program: a clock that was never set. */
const earliest = Date.UTC(2025, 0, 1);

export function clockFinding(now: number): Finding {
  const message = `${new Date(now).toISOString()}, time zone ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (now >= earliest) return { name: "clock", state: "good", message };
  return { name: "clock", state: "bad", message, remedy: "Set the clock; timers and deadlines follow it." };
}

export async function modelFindings(): Promise<readonly Finding[]> {
  const { servers, providers } = await modelReport();
  const count = servers.reduce((sum, { models }) => sum + models.length, 0);
  const keys = providers.flatMap(({ key, keySet }) => (keySet && key !== null ? [key] : []));
  const named = keys.length === 0 ? "" : ` Keys in the environment, never spent unasked: ${keys.join(", ")}.`;
  if (count > 0) {
    const where = servers.map(({ url }) => url).join(", ");
    return [{ name: "models", state: "good", message: `${count} at ${where}.${named}` }];
  }
  return [
    {
      name: "models",
      state: "note",
      message: `No model server answers on this machine.${named}`,
      remedy: "Agents that think need one. What could be used: concertato models",
    },
  ];
}

export function terminalFindings({ display, environment }: CliWorld): readonly Finding[] {
  const { height, width, marks, paint } = display;
  const size = height === null ? "no terminal (a pipe or a file)" : `${width} x ${height}`;
  const colours = paint("good", "x") === "x" ? "no colours" : "colours";
  const isUnicode = marks.done === "✓";
  const message = `${size}, ${colours}, ${isUnicode ? "Unicode" : "ASCII"} marks`;
  if (isUnicode) return [{ name: "terminal", state: "good", message }];
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "none";
  return [
    {
      name: "terminal",
      state: "note",
      message,
      remedy: `The locale is ${locale}; with LANG=C.UTF-8 marks are Unicode.`,
    },
  ];
}
