/**
 * Conducts one message: redact, find the customer, route, plan, let specialists draft and the validator check, settle
 * money and tickets, send one mail. A customer has one owner at a time: their messages are worked on one after the other.
 * When a specialist fails, its backup takes over; when a result makes a step needless, the step is dropped; when a yes no
 * longer holds, the specialist looks again and the manager is asked again. It holds no rule about money itself; those are
 * in the policy, on the refund tool and in the bank.
 */
import { AgentFailure, type Context, workflow } from "concertato";
import {
  type Answer,
  answer,
  type AreaName,
  type Draft,
  type DroppedStep,
  type Enquiry,
  type Message,
  message,
  type Objection,
  type OpenEnquiry,
  type Plan,
  type RefundOrder,
  type Route,
  type Settlement,
  type Takeover,
  type VoidedApproval,
  type Work,
} from "../messages.ts";
import { type Bank, BankRefusal, type BankRefusalCode, type Customer } from "../services/bank.ts";
import type { CardNetwork } from "../services/card-network.ts";
import type { Post } from "../services/mail-post.ts";
import { cards } from "./cards.ts";
import { cash } from "./cash.ts";
import { authorOf, composeMail } from "./compose-mail.ts";
import { fees } from "./fees.ts";
import { feesBackup } from "./fees-backup.ts";
import { findCustomer } from "./find-customer.ts";
import { frontOffice } from "./front-office.ts";
import { identity } from "./identity.ts";
import { lookUpClause } from "./look-up-clause.ts";
import { lostOrStolen } from "./lost-or-stolen.ts";
import type { Compare } from "./meaning.ts";
import { panel } from "./panel.ts";
import { payments } from "./payments.ts";
import { planner, reviser } from "./planner.ts";
import { redact } from "./redact.ts";
import { refund } from "./refund.ts";
import { router } from "./router.ts";
import { sendMail } from "./send-mail.ts";
import { staff } from "./staff.ts";
import { ticket } from "./ticket.ts";
import { topUps } from "./top-ups.ts";
import { transfers } from "./transfers.ts";
import { validator } from "./validator.ts";
import { isSpeechless, writer } from "./writer.ts";

/** The systems the desk works with. */
export interface Services {
  readonly bank: Bank;
  readonly post: Post;
  readonly network: CardNetwork;
  /** How near words are to the areas. */
  readonly compare: Compare;
  /** Who writes the answers. Default: rules. */
  readonly model?: string | undefined;
}

/** A draft that the validator let pass, and who wrote it. */
type Drafted = Pick<Work, "specialist" | "draft">;

/** What a draft is written and carried out for. */
interface Case {
  readonly messageId: string;
  readonly enquiry: Enquiry;
  readonly customer: Customer;
  /** The model that writes; null where rules do. */
  readonly author: string | null;
}

/** So often may a specialist draft for one message; then people write. */
const mostDrafts = 2;
/** So often is a manager asked about one refund that keeps changing. */
const mostQuestions = 3;

export const deskName = "desk";

export const desk = ({ bank, post, network, compare, model }: Services) => {
  const whoWrites = staff(model);
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
    fees: fees(bank, network),
    identity: identity(bank),
    "lost-or-stolen": lostOrStolen(bank),
  };
  /** Who goes on when a specialist cannot; for the others people do. */
  const backups: { readonly [area in AreaName]?: ReturnType<typeof feesBackup> } = { fees: feesBackup(bank) };

  /** A no from a person or from the bank is an answer; any other failure is a failure. */
  const settle = async (order: RefundOrder, ctx: Context): Promise<Settlement | VoidedApproval> => {
    try {
      return { kind: "refunded", receipt: await ctx.run(payBack, order) };
    } catch (error) {
      if (isStale(error)) return { action: "refund", about: order.paymentId, because: error.message };
      if (isRefusal(error)) return { kind: "declined", order, reason: error.message };
      throw error;
    }
  };

  /** What a specialist drafts, or its backup where it fails, or the front office where there is none. */
  const attempted = async (area: AreaName, enquiry: Enquiry, ctx: Context): Promise<Drafted> => {
    try {
      return { specialist: area, draft: await ctx.run(specialists[area], enquiry) };
    } catch (error) {
      if (!(error instanceof AgentFailure) || !isFault(error)) throw error;
      const backup = backups[area];
      const to = backup === undefined ? "front-office" : "fees-backup";
      ctx.emit("take-over", { from: area, to, because: error.message } satisfies Takeover);
      const draft =
        backup === undefined
          ? await ctx.run(frontOffice, { known: true, kind: "fault", urgent: enquiry.urgent })
          : await ctx.run(backup, enquiry);
      return { specialist: to, draft };
    }
  };

  /** A specialist's draft that the validator accepts; after the last rejection, the front office's. */
  const drafted = async (area: AreaName, { enquiry, customer }: Case, ctx: Context): Promise<Drafted> => {
    let objections: readonly Objection[] = [];
    for (let round = 1; round <= mostDrafts; round++) {
      const work = await attempted(area, { ...enquiry, objections: [...objections] }, ctx);
      const { receivedAt, warnings } = enquiry;
      const review = await ctx.run(validator, {
        draft: work.draft,
        receivedAt,
        customerState: customer.state,
        warnings,
      });
      if (review.accepted) return work;
      ({ objections } = review);
    }
    const { urgent } = enquiry;
    return {
      specialist: "front-office",
      draft: await ctx.run(frontOffice, { known: true, kind: "sent-back", urgent }),
    };
  };

  /** The same draft in a model's words. What the validator rejects twice, or no model writes, stays in the words of the rules. */
  const worded = async (work: Drafted, { enquiry, customer }: Case, author: string, ctx: Context): Promise<Drafted> => {
    const { topic, finding, paragraphs: facts } = work.draft;
    const { words, receivedAt, warnings } = enquiry;
    let objections: readonly Objection[] = [];
    for (let round = 1; round <= mostDrafts; round++) {
      const assignment = { words, topic, finding, facts, objections: [...objections] };
      try {
        const { paragraphs } = await ctx.run(writer, assignment, { tools: [lookUpClause] });
        const draft = { ...work.draft, paragraphs, composedBy: author };
        const review = await ctx.run(validator, {
          ...{ draft, facts, receivedAt, warnings },
          customerState: customer.state,
        });
        if (review.accepted) return { ...work, draft };
        ({ objections } = review);
      } catch (error) {
        if (!(error instanceof AgentFailure) || !isSpeechless(error)) throw error;
        ctx.emit("take-over", { from: "writer", to: work.specialist, because: error.message } satisfies Takeover);
        return work;
      }
    }
    const because = `the validator rejected it twice: ${objections.map(({ text }) => text).join(" ")}`;
    ctx.emit("take-over", { from: "writer", to: work.specialist, because } satisfies Takeover);
    return work;
  };

  /** The steps of a plan: side by side what waits for nothing, without what a result has made needless. */
  const worked = async (
    plan: Plan,
    of: Case,
    ctx: Context,
  ): Promise<{ readonly drafts: readonly Drafted[]; readonly dropped: readonly DroppedStep[] }> => {
    let { steps } = plan;
    const drafts: Drafted[] = [];
    const dropped: DroppedStep[] = [];
    while (steps.length > 0) {
      const open = new Set(steps.map(({ area }) => area));
      const ready = steps.filter(({ after }) => after.every((area) => !open.has(area)));
      const wave = await sideBySide(ready, of, ctx);
      drafts.push(...wave);
      steps = steps.filter((step) => !ready.includes(step));
      const settled = wave.flatMap(({ draft }) => draft.settled ?? []);
      if (settled.length === 0 || steps.length === 0) continue;
      const revision = await ctx.run(reviser, { steps, settled });
      steps = revision.kept;
      dropped.push(...revision.dropped);
    }
    return { drafts, dropped };
  };

  const answered = async (area: AreaName, of: Case, ctx: Context): Promise<Drafted> => {
    const work = await drafted(area, of, ctx);
    return of.author === null ? work : worded(work, of, of.author, ctx);
  };

  const sideBySide = async (steps: Plan["steps"], of: Case, ctx: Context): Promise<readonly Drafted[]> => {
    const [only] = steps;
    if (only !== undefined && steps.length === 1) return [await answered(only.area, of, ctx)];
    const branches = steps.map(({ area }) => [area, (branch: Context) => answered(area, of, branch)] as const);
    const done = await ctx.all(Object.fromEntries(branches));
    return steps.flatMap(({ area }) => done[area] ?? []);
  };

  /** The money of one draft. A yes that no longer holds is void: the specialist looks again, and it is asked again. */
  const settled = async (
    work: Drafted,
    of: Case,
    ctx: Context,
  ): Promise<Drafted & { readonly settlement: Settlement }> => {
    let current = work;
    for (let asked = 1; ; asked++) {
      const { refund: wanted } = current.draft;
      if (wanted === undefined) return { ...current, settlement: { kind: "none" } };
      const order = { ...wanted, customerName: of.customer.name };
      const settlement = await settle(order, ctx);
      if ("kind" in settlement) return { ...current, settlement };
      ctx.emit("void-approval", settlement);
      if (asked === mostQuestions || !isArea(current.specialist, specialists))
        return { ...current, settlement: { kind: "declined", order, reason: settlement.because } };
      current = await answered(current.specialist, of, ctx);
    }
  };

  /** The ticket that a draft and its settlement ask for, if they do. */
  const ticketed = async (
    { messageId, customerId, warnings }: { messageId: string; customerId: string | null; warnings: readonly string[] },
    done: Omit<Work, "ticket">,
    ctx: Context,
  ): Promise<Work> => {
    const followUp = followUpFor(done.draft, done.settlement, warnings);
    const opened = followUp === undefined ? null : await ctx.run(openTicket, { ...followUp, messageId, customerId });
    return { ...done, ticket: opened?.number ?? null };
  };

  return workflow(
    {
      name: deskName,
      version: 5,
      description: "Answers one message",
      input: message,
      output: answer,
      uses: [
        redact,
        lookUp,
        routeWords,
        settleDoubt,
        planner,
        reviser,
        ...Object.values(specialists),
        ...Object.values(backups),
        validator,
        whoWrites,
        writer,
        frontOffice,
        payBack,
        openTicket,
        composeMail,
        send,
      ],
    },
    async (handedIn, ctx): Promise<Answer> => {
      const incoming = { ...handedIn, receivedAt: handedIn.receivedAt || new Date(ctx.now()).toISOString() };
      const words = await ctx.run(redact, { subject: incoming.subject, body: incoming.body });
      const customer = await ctx.run(lookUp, { address: incoming.from });
      if (customer !== null) await ctx.claim(`customer:${customer.id}`);
      const { model: author } = await ctx.run(whoWrites);
      const route = await ctx.run(routeWords, { subject: words.subject, body: words.body });
      const { urgent, warnings } = route;
      const about = { messageId: incoming.id, customerId: customer?.id ?? null, warnings };
      const areas = customer === null ? [] : await areasOf(route, customer);
      const works: Work[] = [];
      const dropped: DroppedStep[] = [];
      if (customer === null || areas.length === 0) {
        const draft = await byFrontOffice({ known: customer !== null, kind: route.kind, urgent });
        works.push(await ticketed(about, { specialist: "front-office", draft, settlement: { kind: "none" } }, ctx));
      } else {
        const of = { messageId: incoming.id, customer, author, enquiry: enquiryOf(incoming, words, customer, route) };
        const plan = await ctx.run(planner, { areas: [...areas], wishes: route.wishes });
        const { drafts, ...rest } = await worked(plan, of, ctx);
        dropped.push(...rest.dropped);
        for (const each of drafts) works.push(await ticketed(about, await settled(each, of, ctx), ctx));
      }
      const { mail } = await ctx.run(composeMail, {
        messageId: incoming.id,
        ...(incoming.thread === undefined ? {} : { thread: incoming.thread }),
        to: incoming.from,
        name: incoming.name,
        subject: words.subject,
        customerId: customer?.id ?? null,
        works,
      });
      const receipt = await ctx.run(send, mail);
      const composedBy = authorOf(works);
      return { messageId: incoming.id, name: incoming.name, works, dropped, mail: receipt, composedBy };

      async function areasOf({ kind, plan: sure, candidates }: Route, of: Customer): Promise<readonly AreaName[]> {
        if (kind !== "doubtful") return sure;
        const { area } = await ctx.run(settleDoubt, { words, customerId: of.id, candidates, author });
        return area === null ? [] : [area];
      }

      async function byFrontOffice(enquiry: OpenEnquiry): Promise<Draft> {
        return ctx.run(frontOffice, enquiry);
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

/** The payment is another than the one that was shown. */
function isStale(error: unknown): error is AgentFailure {
  return error instanceof AgentFailure && error.details["code"] === ("changed-since-shown" satisfies BankRefusalCode);
}

/** Something the specialist needs is out of order; not a limit, a stop or a cancel, which nobody may take over from. */
function isFault({ code }: AgentFailure): boolean {
  return code === "agent/failed" || code === "agent/timeout";
}

function isArea(name: Work["specialist"], areas: Readonly<Record<AreaName, unknown>>): name is AreaName {
  return name in areas;
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
