/** The floor of everything in memory: what a person would write by hand, awaiting one async function after another. */
import { assertEqual, type Cell } from "../cell.ts";
import { type Payload, payload, stepped } from "../payload.ts";

type Step = (value: Payload) => Promise<Payload>;

/** Distinct functions, as distinct agents are. */
function makeSteps(count: number): Step[] {
  return Array.from({ length: count }, () => async (value: Payload) => stepped(value));
}

/** `runs` sequences of `steps` awaited functions; a unit is a step. */
export async function loopFloor(options: { readonly steps: number; readonly runs: number }): Promise<Cell> {
  const steps = makeSteps(options.steps);
  let checked = 0;
  const once = async (): Promise<void> => {
    let value = payload(1000);
    for (const step of steps) value = await step(value);
    assertEqual(value.n, 1000 + steps.length, "output");
    checked++;
  };
  return {
    repeat: async () => {
      for (let run = 0; run < options.runs; run++) await once();
      return options.runs * steps.length;
    },
    check: async () => ({ entries: checked }),
  };
}

/** `Promise.all` over so many calls of one async function, then one sum; a unit is the whole. */
export async function mapFloor(options: { readonly items: number }): Promise<Cell> {
  const items = Array.from({ length: options.items }, (_, index) => payload(index));
  let checked = 0;
  return {
    repeat: async () => {
      const sum = await mapAndSum(items);
      assertEqual(sum, sumAfter(options.items), "sum");
      checked++;
      return 1;
    },
    check: async () => ({ entries: checked }),
  };
}

export async function mapAndSum(items: readonly Payload[]): Promise<number> {
  const outputs = await Promise.all(items.map(async (item) => stepped(item)));
  return outputs.reduce((sum, output) => sum + output.n, 0);
}

/** What items 0 … count - 1 add up to after one step each. */
export function sumAfter(count: number): number {
  return (count * (count + 1)) / 2;
}
