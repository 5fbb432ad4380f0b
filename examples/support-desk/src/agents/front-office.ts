/** Takes what no specialist is sure about: thanks are answered, everything else goes to people. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, openEnquiry } from "../messages.ts";

const thanks = /\bthank(?:s| you)\b/i;
const wish = /\?|\bplease\b|\bwhy\b|\brefund\b/i;

export const frontOffice = workflow(
  {
    name: "front-office",
    version: 1,
    description: "Thanks, strangers and everything no specialist is sure about",
    input: openEnquiry,
    output: draft,
  },
  async ({ customerId, words }): Promise<Draft> => {
    const text = `${words.subject} ${words.body}`;
    if (thanks.test(text) && !wish.test(text)) return youAreWelcome;
    return customerId === null ? whoAreYou : forPeople;
  },
);

const youAreWelcome: Draft = {
  topic: "thanks",
  finding: "a thank-you, nothing to do",
  paragraphs: ["Thank you for your kind words. We have passed them on to the people who looked after you."],
  composedBy: "rules",
};

const whoAreYou: Draft = {
  topic: "unknown sender",
  finding: "no customer writes from this address",
  paragraphs: [
    "We do not know your address, so we cannot look into an account. Please write from the address you registered with us.",
  ],
  composedBy: "rules",
};

const forPeople: Draft = {
  topic: "general question",
  finding: "no specialist is sure, so people take it",
  paragraphs: ["A colleague will read your message and answer within one working day."],
  ticket: { topic: "general question", priority: "normal", note: "The router was not sure; please read and answer." },
  composedBy: "rules",
};
