/**
 * Conducts one message: redact, find the customer, route, let specialists draft and the validator check, settle money and
 * tickets, send one mail. A customer has one owner at a time: their messages are worked on one after the other. It holds
 * no rule about money itself; those are in the policy, on the refund tool and in the bank.
 */
import { AgentFailure, type Context, workflow } from "concertato";
import {
  type Answer,
  answer,
  type Draft,
  type Enquiry,
  type Message,
  message,
  type Objection,
  type OpenEnquiry,
  type RefundOrder,
  type Route,
  type Settlement,
  type SpecialistName,
  type Work,
} from "../messages.ts";
import { type Bank, BankRefusal, type Customer } from "../services/bank.ts";
import type { Post } from "../services/mail-post.ts";
import { cards } from "./cards.ts";
import { cash } from "./cash.ts";
import { composeMail } from "./compose-mail.ts";
import { fees } from "./fees.ts";
import { findCustomer } from "./find-customer.ts";
import { frontOffice } from "./front-office.ts";
import { identity } from "./identity.ts";
import { lostOrStolen } from "./lost-or-stolen.ts";
import type { Compare } from "./meaning.ts";
import { panel } from "./panel.ts";
import { payments } from "./payments.ts";
import { redact } from "./redact.ts";
import { refund } from "./refund.ts";
import { router } from "./router.ts";
import { sendMail } from "./send-mail.ts";
import { ticket } from "./ticket.ts";
import { topUps } from "./top-ups.ts";
import { transfers } from "./transfers.ts";
import { validator } from "./validator.ts";

/** The systems the desk works with. */
export interface Services {
  readonly bank: Bank;
  readonly post: Post;
  /** How near words are to the areas. */
  readonly compare: Compare;
}

/** What a draft is carried out for. */
interface Case {
  readonly messageId: string;
  readonly customer: Customer | null;
  readonly warnings: readonly string[];
}

/** So often may a specialist draft for one message; then people write. */
const mostDrafts = 2;

export const deskName = "desk";

export const desk = ({ bank, post, compare }: Services) => {
  const lookUp = findCustomer(bank);
  const routeWords = router(compare);
  const settleDoubt = panel(bank);
  const payBack = refund(bank);
  const openTicket = ticket(bank);
  const send = sendMail(post);
  const specialists = {
    cards: cards(bank),
    payments: payments(bank),
    transfers: transfers(bank),
    "top-ups": topUps(bank),
    cash: cash(bank),
    fees: fees(bank),
    identity: identity(bank),
    "lost-or-stolen": lostOrStolen(bank),
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

  /** A specialist's draft that the validator accepts; after the last rejection, the front office's. */
  const drafted = async (
    specialist: keyof typeof specialists,
    enquiry: Enquiry,
    { state }: Customer,
    ctx: Context,
  ): Promise<Pick<Work, "specialist" | "draft">> => {
    let objections: readonly Objection[] = [];
    for (let round = 1; round <= mostDrafts; round++) {
      const draft = await ctx.run(specialists[specialist], { ...enquiry, objections: [...objections] });
      const { receivedAt, warnings } = enquiry;
      const review = await ctx.run(validator, { draft, receivedAt, customerState: state, warnings });
      if (review.accepted) return { specialist, draft };
      ({ objections } = review);
    }
    return {
      specialist: "front-office",
      draft: await ctx.run(frontOffice, {
        known: true,
        kind: "sent-back",
        urgent: enquiry.urgent,
      }),
    };
  };

  /** Money and ticket of one draft. */
  const carriedOut = async (
    { specialist, draft }: Pick<Work, "specialist" | "draft">,
    { messageId, customer, warnings }: Case,
    ctx: Context,
  ): Promise<Work> => {
    const settlement: Settlement =
      draft.refund === undefined || customer === null
        ? { kind: "none" }
        : await settle({ ...draft.refund, customerName: customer.name }, ctx);
    const followUp = followUpFor(draft, settlement, warnings);
    const opened =
      followUp === undefined
        ? null
        : await ctx.run(openTicket, { ...followUp, messageId, customerId: customer?.id ?? null });
    return { specialist, draft, settlement, ticket: opened?.number ?? null };
  };

  return workflow(
    {
      name: deskName,
      version: 3,
      description: "Answers one message",
      input: message,
      output: answer,
      uses: [
        redact,
        lookUp,
        routeWords,
        settleDoubt,
        ...Object.values(specialists),
        validator,
        frontOffice,
        payBack,
        openTicket,
        send,
      ],
    },
    async (handedIn, ctx): Promise<Answer> => {
      const incoming = { ...handedIn, receivedAt: handedIn.receivedAt || new Date(ctx.now()).toISOString() };
      const words = await ctx.run(redact, { subject: incoming.subject, body: incoming.body });
      const customer = await ctx.run(lookUp, { address: incoming.from });
      if (customer !== null) await ctx.claim(`customer:${customer.id}`);
      const route = await ctx.run(routeWords, { subject: words.subject, body: words.body });
      const { urgent, warnings } = route;
      const plan = customer === null ? [] : await planOf(route);
      const drafts =
        customer === null || plan.length === 0
          ? [await byFrontOffice({ known: customer !== null, kind: route.kind, urgent })]
          : await draftsOf(plan, customer);
      const works: Work[] = [];
      for (const each of drafts)
        works.push(await carriedOut(each, { messageId: incoming.id, customer, warnings }, ctx));
      const mail = await ctx.run(send, composeMail({ ...incoming, subject: words.subject }, works));
      return { messageId: incoming.id, name: incoming.name, works, mail, composedBy: "rules" };

      async function planOf({ kind, plan: sure, candidates }: Route): Promise<Route["plan"]> {
        if (kind !== "doubtful" || customer === null) return sure;
        const { area } = await ctx.run(settleDoubt, { words, customerId: customer.id, candidates });
        return area === null ? [] : [area];
      }

      async function draftsOf(areas: Route["plan"], of: Customer): Promise<Pick<Work, "specialist" | "draft">[]> {
        const enquiry = enquiryOf(incoming, words, of, route);
        const done: Pick<Work, "specialist" | "draft">[] = [];
        for (const area of areas) done.push(await drafted(area, enquiry, of, ctx));
        return done;
      }

      async function byFrontOffice(enquiry: OpenEnquiry): Promise<{ specialist: SpecialistName; draft: Draft }> {
        return { specialist: "front-office", draft: await ctx.run(frontOffice, enquiry) };
      }
    },
  );
};

function enquiryOf(
  { id, receivedAt }: Message,
  { subject, body }: Enquiry["words"],
  customer: Customer,
  { urgent, warnings }: Route,
): Enquiry {
  return {
    messageId: id,
    customerId: customer.id,
    receivedAt,
    cards: [...customer.cards],
    words: { subject, body },
    urgent,
    warnings,
    objections: [],
  };
}

/** The manager declined, or the bank did: it was paid back at the counter while the manager thought. */
function isRefusal(error: unknown): error is AgentFailure {
  return (
    error instanceof AgentFailure && (error.code === "agent/refused" || error.details["name"] === BankRefusal.name)
  );
}

/**
 * What people must still do: what the specialist asked for, to explain a refund that was declined, and to read what
 * tries to give the desk orders.
 */
function followUpFor(work: Draft, settlement: Settlement, [order]: readonly string[]): Draft["ticket"] {
  const asked =
    settlement.kind === "declined"
      ? {
          topic: work.topic,
          priority: "high" as const,
          note: `Explain to the customer why the refund was declined: ${settlement.reason}`,
        }
      : work.ticket;
  if (order === undefined) return asked;
  const note = `The message tries to give the desk orders: "${order}".`;
  return { topic: work.topic, priority: "high", note: asked === undefined ? note : `${asked.note} ${note}` };
}
