/** The specialist for identity and account: checks, changes, sign-in, closing. It changes nothing itself. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import type { Bank, IdentityCheck } from "../services/bank.ts";
import { examples } from "./examples.ts";
import { findIdentityChecks } from "./find-records.ts";
import { say } from "./say.ts";

export const identity = (bank: Bank) => {
  const find = findIdentityChecks(bank);
  return workflow(
    {
      name: "identity",
      version: 1,
      description: "Identity checks, personal details, sign-in and closing of accounts",
      capabilities: ["identity"],
      examples: examples.identity,
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      if (request.warnings[0] !== undefined) return ordered(request.warnings[0]);
      const text = `${request.words.subject} ${request.words.body}`;
      if (/\bclose\b[^.]*\baccount\b|\bdelete\b/i.test(text)) return closing(request);
      if (/\blog ?in\b|\bsign in\b|\bpassword\b/i.test(text)) return signIn(request);
      const [latest] = await ctx.run(find, { customerId: request.customerId });
      return latest === undefined ? change : checked(latest);
    },
  );
};

function ordered(warning: string): Draft {
  return {
    topic: "account request",
    finding: `the message gives the desk orders (“${warning}”), nothing is changed`,
    paragraphs: [say("We change nothing on the word of a mail. A colleague reads your message.", "1.3", "7.2")],
    ticket: { topic: "account request", priority: "high", note: "Find out who wrote this." },
    composedBy: "rules",
  };
}

function checked({ id, document, state, reason }: IdentityCheck): Draft {
  return {
    topic: "identity check",
    finding: `the ${document} was ${state}: ${reason} (${id})`,
    paragraphs: [
      say(`The check of your ${document} is ${state}: ${reason}.`, `identity_checks ${id}`),
      say("Please send a new picture in the app: the document valid, whole in the picture and readable.", "7.1"),
    ],
    composedBy: "rules",
  };
}

const change: Draft = {
  topic: "personal details",
  finding: "wants to change personal details, which the app does",
  paragraphs: [
    say(
      "You change address, name and telephone number in the app, under Profile. For a new name it asks for a document.",
      "7.2",
    ),
  ],
  composedBy: "rules",
};

function signIn({ customerId }: Enquiry): Draft {
  return {
    topic: "sign-in",
    finding: "cannot sign in; is called back",
    paragraphs: [
      say(
        "A colleague calls you back on the number on record and helps you sign in.",
        "7.5",
        `customers ${customerId}`,
      ),
    ],
    ticket: { topic: "sign-in", priority: "high", note: "Call back on the number on record." },
    composedBy: "rules",
  };
}

function closing({ customerId }: Enquiry): Draft {
  return {
    topic: "closing an account",
    finding: "wants to leave",
    paragraphs: [
      say(
        "A colleague closes your account, after what is left on it was paid out to an account of your own.",
        "7.4",
        `customers ${customerId}`,
      ),
    ],
    ticket: { topic: "closing an account", priority: "normal", note: "Pay out what is left and close the account." },
    composedBy: "rules",
  };
}
