/** Takes what no specialist takes: thanks are answered, strangers are asked, everything else goes to people. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, openEnquiry, type OpenEnquiry } from "../messages.ts";
import { say } from "./say.ts";

export const frontOffice = workflow(
  {
    name: "front-office",
    version: 3,
    description: "Thanks, strangers and everything no specialist is sure about",
    input: openEnquiry,
    output: draft,
  },
  async (request): Promise<Draft> => {
    switch (request.kind) {
      case "thanks":
        return youAreWelcome;
      case "empty":
        return nothingWritten;
      case "out-of-scope":
        return forPeople(request, "out of scope", "none of the desk's business");
      case "foreign-language":
        return forPeople(request, "another language", "not written in English", "1.4");
      case "sent-back":
        return forPeople(request, "rejected draft", "the validator rejected two drafts");
      case "fault":
        return forPeople(request, "service out of order", "a service that is needed for it is out of order");
      case "sure":
      case "doubtful":
        return request.known
          ? forPeople(request, "general question", "the panel found no majority")
          : whoAreYou(request);
    }
  },
);

const youAreWelcome: Draft = {
  topic: "thanks",
  finding: "a thank-you, nothing to do",
  paragraphs: [say("Thank you for your kind words. We have passed them on to the people who looked after you.", "1.6")],
  composedBy: "rules",
};

const nothingWritten: Draft = {
  topic: "empty message",
  finding: "nothing is written in it",
  paragraphs: [say("Your message reached us without any text. Please write again and tell us what we can do.", "1.2")],
  composedBy: "rules",
};

/** Nothing is done for a stranger; where it is urgent, a person finds out who it is. */
function whoAreYou({ urgent }: OpenEnquiry): Draft {
  const callBack = {
    topic: "unknown sender",
    priority: "urgent",
    note: "Urgent, from an unknown address: find out who it is.",
  } as const;
  return {
    topic: "unknown sender",
    finding: urgent ? "urgent, and no customer writes from this address" : "no customer writes from this address",
    paragraphs: [
      say(
        "We do not know your address, so we cannot look into an account. Please write from the address you registered with us.",
        "1.1",
      ),
    ],
    ...(urgent ? { ticket: callBack } : {}),
    composedBy: "rules",
  };
}

function forPeople({ urgent }: OpenEnquiry, topic: string, finding: string, clause = "1.2"): Draft {
  return {
    topic,
    finding: `${finding}, so people take it`,
    paragraphs: [say("A colleague will read your message and answer within one working day.", clause)],
    ticket: {
      topic,
      priority: urgent ? "high" : "normal",
      note: `Please read and answer: ${finding}.`,
    },
    composedBy: "rules",
  };
}
