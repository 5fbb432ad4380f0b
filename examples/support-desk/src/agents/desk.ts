/**
 * Conducts one message: redact, find the customer, route, let the specialist work, settle money and tickets, send one
 * mail. It holds no rule about money itself; those are on the refund tool and in the bank.
 */
import { AgentFailure, type Context, workflow } from "concertato";
import {
  type Answer,
  answer,
  type Draft,
  type Message,
  message,
  type RefundOrder,
  type Route,
  type Settlement,
} from "../messages.ts";
import { type Bank, BankRefusal } from "../services/bank.ts";
import type { Post } from "../services/mail-post.ts";
import { cards } from "./cards.ts";
import { composeMail } from "./compose-mail.ts";
import { fees } from "./fees.ts";
import { findCustomer } from "./find-customer.ts";
import { frontOffice } from "./front-office.ts";
import { payments } from "./payments.ts";
import { redact } from "./redact.ts";
import { refund } from "./refund.ts";
import { router } from "./router.ts";
import { sendMail } from "./send-mail.ts";
import { ticket } from "./ticket.ts";
import { topUps } from "./top-ups.ts";
import { transfers } from "./transfers.ts";

/** The systems the desk works with. */
export interface Services {
  readonly bank: Bank;
  readonly post: Post;
}

export const desk = ({ bank, post }: Services) => {
  const lookUp = findCustomer(bank);
  const payBack = refund(bank);
  const openTicket = ticket(bank);
  const send = sendMail(post);
  const specialists = {
    cards: cards(bank),
    payments: payments(bank),
    transfers: transfers(bank),
    "top-ups": topUps(bank),
    fees: fees(bank),
    "front-office": frontOffice,
  };

  /** A no from a person or from the bank is an answer; any other failure is a failure. */
  const settle = async (order: RefundOrder, ctx: Context): Promise<Settlement> => {
    try {
      return { kind: "refunded", receipt: await ctx.run(payBack, order) };
    } catch (error) {
      if (isRefusal(error)) return { kind: "declined", order, reason: error.message };
      throw error;
    }
  };

  return workflow(
    {
      name: "desk",
      version: 1,
      description: "Answers one message",
      input: message,
      output: answer,
      uses: [redact, lookUp, router, ...Object.values(specialists), payBack, openTicket, send],
    },
    async (incoming, ctx): Promise<Answer> => {
      const words = await ctx.run(redact, { subject: incoming.subject, body: incoming.body });
      const customer = await ctx.run(lookUp, { address: incoming.from });
      const route = await ctx.run(router, words);
      const enquiry = {
        messageId: incoming.id,
        cards: customer?.cards ?? [],
        words,
        urgent: route.urgent,
        warnings: route.warnings,
      };
      const work =
        customer === null
          ? await ctx.run(frontOffice, { ...enquiry, customerId: null })
          : await ctx.run(specialists[route.specialist], { ...enquiry, customerId: customer.id });
      const settlement: Settlement =
        work.refund === undefined || customer === null
          ? { kind: "none" }
          : await settle({ ...work.refund, customerName: customer.name }, ctx);
      const followUp = followUpFor(work, settlement);
      const opened =
        followUp === undefined
          ? null
          : await ctx.run(openTicket, { ...followUp, messageId: incoming.id, customerId: customer?.id ?? null });
      const mail = await ctx.run(send, composeMail(incoming, work, settlement, opened?.number ?? null));
      return summed(
        incoming,
        customer === null ? "front-office" : route.specialist,
        work,
        settlement,
        opened?.number ?? null,
        mail,
      );
    },
  );
};

/** The manager declined, or the bank did: it was paid back at the counter while the manager thought. */
function isRefusal(error: unknown): error is AgentFailure {
  return (
    error instanceof AgentFailure && (error.code === "agent/refused" || error.details["name"] === BankRefusal.name)
  );
}

/** What people must still do: what the specialist asked for, or to explain a refund that was declined. */
function followUpFor(work: Draft, settlement: Settlement): Draft["ticket"] {
  if (settlement.kind !== "declined") return work.ticket;
  return {
    topic: work.topic,
    priority: "high",
    note: `Explain to the customer why the refund was declined: ${settlement.reason}`,
  };
}

function summed(
  incoming: Message,
  specialist: Route["specialist"],
  { topic, finding, composedBy }: Draft,
  settlement: Settlement,
  opened: number | null,
  mail: Answer["mail"],
): Answer {
  return {
    messageId: incoming.id,
    name: incoming.name,
    specialist,
    topic,
    finding,
    settlement,
    ticket: opened,
    mail,
    composedBy,
  };
}
