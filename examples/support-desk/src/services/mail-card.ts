/**
 * How a desk finds the mail server of its data folder again: a small file with the server's ports, and a secret that
 * only this server can repeat. A process that merely took over the port cannot.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const mailServerCard = z.object({
  pid: z.number().int(),
  smtpPort: z.number().int(),
  controlPort: z.number().int(),
  secret: z.string().min(32),
});

export type MailServerCard = z.infer<typeof mailServerCard>;

/** First line the server says on its control port. */
export const mailServerGreeting = z.object({ service: z.literal("larkfield-mail"), secret: z.string() });

function cardFile(directory: string): string {
  return join(directory, "server.json");
}

/** The card, or null when there is none or it is damaged: then a server is started, which writes a new one. */
export function readCard(directory: string): MailServerCard | null {
  try {
    return mailServerCard.parse(JSON.parse(readFileSync(cardFile(directory), "utf8")));
  } catch {
    return null;
  }
}

export function writeCard(directory: string, card: MailServerCard): void {
  const draft = `${cardFile(directory)}.${card.pid}`;
  writeFileSync(draft, `${JSON.stringify(card, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, cardFile(directory));
}

/** Takes the card away, if it is still this server's. */
export function removeCard(directory: string, pid: number): void {
  if (readCard(directory)?.pid === pid) rmSync(cardFile(directory), { force: true });
}
