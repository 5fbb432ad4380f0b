/** `concertato caps`: what tenants and agents may spend, and what they did in the present window. */
import type { CapSummary } from "concertato";
import type { CommandContext } from "../cli.ts";

export async function listCaps({ app, display, json }: CommandContext): Promise<void> {
  const caps = await app.caps();
  if (json) return display.out(JSON.stringify(caps));
  if (caps.length === 0) return display.out("No caps.");
  for (const cap of caps) display.out(lineOf(cap));
}

function lineOf({ tenant, agent, usd, per, spent, reserved, onExhausted, window }: CapSummary): string {
  const whose = [agent === undefined ? "" : `agent ${agent}`, tenant === undefined ? "" : `tenant ${tenant}`];
  const until = window.until === null ? "" : `, until ${new Date(window.until).toISOString()}`;
  const held = reserved === 0 ? "" : `, ${reserved} reserved`;
  return `${whose.filter((part) => part !== "").join(" of ")}: ${spent} of ${usd} USD spent${held} (${per}, then ${onExhausted}${until})`;
}
