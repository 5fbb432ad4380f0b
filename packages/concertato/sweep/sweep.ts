/** The sweep: each scenario with its 1st, 2nd, 3rd … store call going wrong, in each way, until there is none so late. */
import { type Fault, type FaultKind, faultKinds } from "./faults.ts";
import type { Scenario } from "./scenarios.ts";
import { memoryTrialStore, trial, type TrialStore, type Verdict } from "./trial.ts";

export interface SweepOptions {
  readonly kinds?: readonly FaultKind[];
  /** Only every so manieth call; the first is chosen by the kind. Default 1: every call. */
  readonly step?: number;
  /** A fresh store for each trial. Default: in memory. */
  readonly makeStore?: () => Promise<TrialStore> | TrialStore;
  readonly dropStore?: (store: TrialStore) => Promise<void>;
  /** Stops at so many violations. Default 20. */
  readonly most?: number;
}

/** What was found in one scenario. */
export interface Swept {
  readonly scenario: string;
  /** Store calls of a trial in which nothing goes wrong. */
  readonly calls: number;
  /** Faults that were tried. */
  readonly faults: number;
  readonly violations: readonly { readonly fault: Fault | null; readonly call: string; readonly what: string }[];
}

/** Sweeps one scenario. */
export async function sweep(scenario: Scenario, options: SweepOptions = {}): Promise<Swept> {
  const { kinds = faultKinds, step = 1, makeStore = memoryTrialStore, dropStore, most = 20 } = options;
  const run = async (fault: Fault | null): Promise<Verdict> => {
    const made = await makeStore();
    try {
      return await trial(scenario, fault, made);
    } finally {
      await dropStore?.(made);
    }
  };
  const whole = await run(null);
  const violations = whole.violations.map((what) => ({ fault: null as Fault | null, call: "", what }));
  let faults = 0;
  for (const [index, kind] of kinds.entries()) {
    for (let call = 1 + (index % step); violations.length < most; call += step) {
      const fault = { call, kind };
      const verdict = await run(fault);
      if (verdict.failed === null) break;
      faults++;
      const found = [...verdict.violations, ...differences(whole, verdict)];
      violations.push(...found.map((what) => ({ fault, call: verdict.failed ?? "", what })));
    }
  }
  return { scenario: scenario.name, calls: whole.calls, faults, violations };
}

/** What goes wrong in the store changes neither how a run ends nor what it does. */
function differences(whole: Verdict, verdict: Verdict): string[] {
  const found: string[] = [];
  if (verdict.outcome !== whole.outcome) found.push(`outcome: ${verdict.outcome}, not ${whole.outcome}`);
  if (JSON.stringify(verdict.done) !== JSON.stringify(whole.done))
    found.push(`effects: ${verdict.done.join(", ")}, not ${whole.done.join(", ")}`);
  return found;
}
