/** Where and on what a run was made: what a figure needs beside it to mean anything. Holds no path of the machine. */
import { spawnSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { payloadBytes } from "./payload.ts";
import { hasTaskset } from "./pinned-process.ts";

export interface Environment {
  readonly date: string;
  /** Short hash, with "+changes" when the work tree differs; "none" outside a repository. */
  readonly commit: string;
  readonly node: string;
  readonly v8: string;
  readonly sqlite: string;
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly loadAtStart: number;
  readonly pinned: boolean;
  /** Files are in memory only: durable figures then say nothing. */
  readonly diskIsMemory: boolean;
  readonly payloadBytes: number;
}

export function environment(root: string, scratch: string): Environment {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    commit: commitOf(root),
    node: process.versions.node,
    v8: process.versions.v8,
    sqlite: sqliteVersion(),
    system: `${process.platform} ${release()} ${process.arch}`,
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    loadAtStart: Number((loadavg()[0] ?? 0).toFixed(2)),
    pinned: hasTaskset(),
    diskIsMemory: isMemory(scratch),
    payloadBytes,
  };
}

function commitOf(root: string): string {
  const git = (...args: readonly string[]) => spawnSync("git", ["-C", root, ...args], { encoding: "utf8" });
  const head = git("rev-parse", "--short", "HEAD");
  if (head.status !== 0) return "none";
  return head.stdout.trim() + (git("status", "--porcelain").stdout === "" ? "" : "+changes");
}

function sqliteVersion(): string {
  const db = new DatabaseSync(":memory:");
  const version = db.prepare("select sqlite_version() as version").get()?.["version"];
  db.close();
  return String(version);
}

/** Magic numbers of tmpfs and ramfs on Linux. */
const memoryFileSystems = [0x01021994, 0x858458f6];

function isMemory(folder: string): boolean {
  return process.platform === "linux" && memoryFileSystems.includes(statfsSync(folder).type);
}
