/** What this process has used so far. Reads only; where the system does not tell (no /proc), a figure is null. */
import { readFileSync } from "node:fs";

export interface Usage {
  readonly wallUs: number;
  /** User and system time of all threads. */
  readonly cpuUs: number;
  /** Bytes handed to write calls: the log, then the database file at a checkpoint. */
  readonly writtenBytes: number | null;
  /** Time the core was busy, whoever used it. In steps of 10 ms. */
  readonly coreBusyUs: number | null;
}

/** @param core number of the core this process is pinned to */
export function usage(core: number | null): Usage {
  const { user, system } = process.cpuUsage();
  return {
    writtenBytes: writtenBytes(),
    coreBusyUs: core === null ? null : coreBusyUs(core),
    cpuUs: user + system,
    wallUs: performance.now() * 1000,
  };
}

/** User and system time of the processes that this one started and that have ended, in steps of 10 ms; null where not told. */
export function endedChildrenCpuUs(): number | null {
  // The second field is a name in parentheses, which may hold spaces; the times are the 16th and 17th.
  const fields = read("/proc/self/stat")?.split(") ").at(-1)?.split(" ");
  if (fields === undefined) return null;
  return (Number(fields[13]) + Number(fields[14])) * 10_000;
}

/** Largest resident set so far, in MB. */
export function peakRssMb(): number {
  const peak = fieldOf("/proc/self/status", /^VmHWM:\s+(\d+) kB/m);
  return (peak ?? process.resourceUsage().maxRSS) / 1024;
}

function writtenBytes(): number | null {
  return fieldOf("/proc/self/io", /^wchar: (\d+)/m);
}

/** Busy time of one core since the start of the system; null where it is not told. */
export function coreBusyUs(core: number): number | null {
  const line = read("/proc/stat")
    ?.split("\n")
    .find((one) => one.startsWith(`cpu${core} `));
  if (line === undefined) return null;
  const [user = 0, nice = 0, system = 0, _idle, _ioWait, irq = 0, softIrq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * 10_000;
}

function fieldOf(file: string, pattern: RegExp): number | null {
  const found = read(file)?.match(pattern)?.[1];
  return found === undefined ? null : Number(found);
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
