/** `concertato caps`: what tenants and agents may spend, and what they did in the present window. */
import type { CapSummary } from "concertato";
import type { Command } from "commander";
import type { CommandContext, Shell } from "../shell.ts";
import { plainLine } from "../views/plain-text.ts";

export function addCaps(program: Command, shell: Shell): void {
  program
    .command("caps")
    .description("list what tenants and agents may spend, and what they did")
    .addHelpText("after", "\nExample:\n  concertato caps --json")
    .action(() => shell.inApp(listCaps));
}

async function listCaps({ app, display, json }: CommandContext): Promise<void> {
  const caps = await app.caps();
  if (json) return caps.forEach((cap) => display.out(JSON.stringify(cap)));
  if (caps.length === 0) return display.out("No caps. A program sets them with app.setCap().");
  for (const cap of caps) display.out(plainLine(lineOf(cap)));
}

function lineOf({ tenant, agent, usd, per, spent, reserved, onExhausted, window }: CapSummary): string {
  const whose = [agent === undefined ? "" : `agent ${agent}`, tenant === undefined ? "" : `tenant ${tenant}`];
  const until = window.until === null ? "" : `, until ${new Date(window.until).toISOString()}`;
  const held = reserved === 0 ? "" : `, ${reserved} reserved`;
  return `${whose.filter((part) => part !== "").join(" of ")}: ${spent} of ${usd} USD spent${held} (${per}, then ${onExhausted}${until})`;
}
