/** The command line of the benchmarks. */
import type { Suite } from "./suite.ts";
import { suites } from "./suites.ts";

export type Options =
  | { readonly kind: "help" | "list" }
  | { readonly kind: "wrong"; readonly reason: string }
  | {
      readonly kind: "suite";
      readonly suite: Suite;
      readonly json: boolean;
      readonly save: boolean;
      readonly profile: boolean;
      /** Also what takes minutes. */
      readonly full: boolean;
      /** Ids of workloads, in lower case; empty: all. */
      readonly only: readonly string[];
    };

export const helpText = `npm run bench -- SUITE [--only W2a,W3] [--full] [--json] [--save] [--profile]
npm run bench -- --list

  SUITE      kernel, or agents

  --only     these workloads
  --full     also what takes minutes: a million waiting runs, 100,000 open runs, 100,000 turns
  --json     everything as one JSON document on standard output
  --save     keep the results in bench/results/
  --profile  also say where the time goes (the figures are then slower)`;

export function parseOptions(args: readonly string[]): Options {
  if (args.includes("--list")) return { kind: "list" };
  if (args.length === 0 || args.includes("--help")) return { kind: "help" };
  const [name, ...rest] = args;
  const suite = suites.find((one) => one.name === name);
  if (suite === undefined) {
    const names = suites.map((one) => one.name).join(", ");
    return { kind: "wrong", reason: `There is no suite "${name}". There are: ${names}.` };
  }
  let only: readonly string[] = [];
  const flags = new Set<string>();
  for (let index = 0; index < rest.length; index++) {
    const flag = rest[index] ?? "";
    if (flag === "--only") only = (rest[++index] ?? "").toLowerCase().split(",");
    else if (["--json", "--save", "--profile", "--full"].includes(flag)) flags.add(flag);
    else return { kind: "wrong", reason: `There is no option "${flag}".` };
  }
  const unknown = only.find((id) => !suite.workloads.some((workload) => workload.id.toLowerCase() === id));
  if (unknown !== undefined) return { kind: "wrong", reason: `There is no workload "${unknown}". --list shows them.` };
  return {
    kind: "suite",
    suite,
    json: flags.has("--json"),
    save: flags.has("--save"),
    profile: flags.has("--profile"),
    full: flags.has("--full"),
    only,
  };
}
