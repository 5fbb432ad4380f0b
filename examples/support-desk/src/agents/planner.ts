/**
 * Makes a plan of what a message asks for, and makes it again when a result changes it. The plan is data: steps, what
 * each is to do in the customer's words, and what must be done before it. Pure.
 */
import { tool } from "concertato";
import { z } from "zod";
import {
  type AreaName,
  areaName,
  type Plan,
  plan,
  type PlanStep,
  planStep,
  revision,
  type Revision,
  settledThing,
  type SettledThing,
  type Wish,
  wish,
} from "../messages.ts";
import { amountsIn } from "../money.ts";

const wanted = z.object({ areas: z.array(areaName), wishes: z.array(wish) });

/** A card is blocked before anything else is looked at; what is left waits for nobody. */
export function planFor({ areas, wishes }: z.infer<typeof wanted>): Plan {
  const first = areas.find((area) => area === "lost-or-stolen");
  return {
    steps: areas.map((area) => ({
      area,
      wish: wishOf(area, wishes),
      after: first === undefined || area === first ? [] : [first],
    })),
  };
}

export const planner = tool({
  name: "planner",
  description: "Makes a plan of what a message asks for",
  input: wanted,
  output: plan,
  effect: "pure",
  execute: planFor,
});

const unsettled = z.object({ steps: z.array(planStep), settled: z.array(settledThing) });

/** A step whose wish is about nothing but what is settled already has nothing left to do. */
export function revise({ steps, settled }: z.infer<typeof unsettled>): Revision {
  const judged = steps.map((step) => ({ step, by: settled.find((thing) => isAllAbout(step, thing)) }));
  return {
    kept: judged.flatMap(({ step, by }) => (by === undefined ? [step] : [])),
    dropped: judged.flatMap(({ step: { area }, by }) =>
      by === undefined ? [] : [{ area, because: by.how, cites: [by.row] }],
    ),
  };
}

export const reviser = tool({
  name: "reviser",
  description: "Drops what a result has made needless from a plan",
  input: unsettled,
  output: revision,
  effect: "pure",
  execute: revise,
});

/** The sentences that ask for it; none, where only the message as a whole does. */
function wishOf(area: AreaName, wishes: readonly Wish[]): string {
  return wishes
    .filter((each) => each.area === area)
    .map(({ text }) => text)
    .join(" ");
}

function isAllAbout({ wish: text }: PlanStep, { merchant, amountCents }: SettledThing): boolean {
  const amounts = amountsIn(text);
  const named = text.toLowerCase().includes(merchant.toLowerCase());
  return named && amounts.every((amount) => amount === amountCents);
}
