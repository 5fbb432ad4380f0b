/**
 * The power cut in small: two cuts that a full store survives, and one under a store that does not sync, which the
 * checker notices. Needs Linux, root, loop devices and two mkfs; without them the test says so in its name.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  plantCaught,
  powerCut,
  type PowerCutOptions,
  type PowerCutReport,
  violationsOf,
} from "../../power-cut/power-cut.ts";
import { missing } from "../../power-cut/requirements.ts";

const reason = ready();

/** Why it cannot be done here. On Debian with root, what is missing is installed first. */
function ready(): string | null {
  const lacking = missing();
  if (lacking?.includes("Debian") !== true || !existsSync("/etc/debian_version")) return lacking;
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("apt-get", ["install", "-y", "xfsprogs", "e2fsprogs"], { stdio: "ignore", timeout: 20_000, env });
  } catch {
    // No network, or a packet list that is too old: what is missing then is said below.
  }
  return missing();
}

const small: PowerCutOptions = {
  cuts: 2,
  durability: "full",
  load: "calm",
  driveCache: false,
  slowSync: false,
  observer: false,
  seed: "test",
  plant: null,
  keep: false,
};

function cutting(options: Partial<PowerCutOptions>): Promise<PowerCutReport> {
  return powerCut({ ...small, ...options }, () => undefined, new AbortController().signal);
}

if (reason !== null)
  process.stderr.write(`\nSKIPPED: nothing shows here that full survives a power cut: it ${reason}.\n`);

describe.skipIf(reason !== null)(`a power cut${reason === null ? "" : ` (SKIPPED: ${reason})`}`, () => {
  test("takes nothing that a full store acknowledged, and no intent", async () => {
    const report = await cutting({ leastAcknowledged: 30 });
    expect(violationsOf(report)).toEqual([]);
    expect(report.cuts).toHaveLength(2);
    expect(report.cuts[1]?.acknowledged).toBeGreaterThan(20);
  }, 45_000);

  test("takes acknowledged entries from a store that does not sync, which is noticed", async () => {
    const report = await cutting({ cuts: 3, plant: "no-sync", seed: "plant" });
    expect(plantCaught(report)).toBe(true);
  }, 45_000);
});
