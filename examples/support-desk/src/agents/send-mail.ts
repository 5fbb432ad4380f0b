/**
 * Sends a mail. Its Message-ID follows from the operation's key, so after a crash the mail server can say whether this
 * very mail was accepted. It is sent again only when the server says it was not.
 */
import { createHash } from "node:crypto";
import { tool } from "concertato";
import { mailReceipt, outgoingMail } from "../messages.ts";
import type { Post } from "../services/mail-post.ts";

/** The Message-ID of the mail that this key stands for. */
export function messageIdFor(idempotencyKey: string): string {
  return `<${createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 32)}@desk.larkfield.test>`;
}

export const sendMail = (post: Post) =>
  tool({
    name: "send-mail",
    description: "Sends an answer to a customer",
    input: outgoingMail,
    output: mailReceipt,
    effect: "irreversible",
    retry: { attempts: 4, backoff: "500ms" },
    probe: async (_mail, { idempotencyKey }) => {
      const messageId = messageIdFor(idempotencyKey);
      const accepted = await post.accepted(messageId);
      if (accepted === "yes") return { kind: "happened", output: { messageId } };
      return { kind: accepted === "no" ? "did-not-happen" : "unknown" };
    },
    execute: async (mail, { idempotencyKey, attempt }) => {
      const messageId = messageIdFor(idempotencyKey);
      const accepted = attempt === 1 ? "no" : await post.accepted(messageId);
      if (accepted === "unknown")
        throw new Error(
          `The mail server cannot say yet whether it has ${messageId}; sending it again could repeat it.`,
        );
      if (accepted === "no") await post.send(mail, messageId);
      return { messageId };
    },
  });
