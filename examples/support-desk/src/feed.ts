/**
 * Hands an inbox in, record by record: messages become runs, anything else is set aside. It reads on only while few
 * messages are under way, so an inbox of any size takes no more memory than a small one. Crash anywhere: the inbox is
 * read again from its beginning, and what was handed in is found by its key.
 */
import type { Inbox } from "./inbox/open-inbox.ts";
import { keyOf, placeText, type SetAside } from "./inbox/record.ts";
import { openSetAside } from "./inbox/set-aside.ts";
import type { MessageRuns } from "./message-runs.ts";
import type { Intake } from "./views/summary.ts";

export interface FeedOptions {
  readonly inbox: Inbox;
  readonly runs: MessageRuns;
  /** Where records that are no messages are kept. */
  readonly setAside: string;
  /** Hand in so many messages at most. */
  readonly limit: number | undefined;
  /** So many messages may be under way: enough that the urgent ones among them can go first. */
  readonly ahead: number;
  readonly stopped: () => boolean;
  /** Told of each record that is set aside, as a sentence. */
  readonly report: (text: string) => void;
  /** Told after each record. */
  readonly progress: (intake: Intake) => void;
}

/** Reads the whole inbox, or as far as the limit goes. @throws what broke reading it */
export async function feed(options: FeedOptions): Promise<Intake> {
  const { inbox, runs, limit = Number.POSITIVE_INFINITY, ahead } = options;
  using aside = openSetAside(options.setAside, inbox.path);
  const seen = new Set<number>();
  const intake = {
    messages: 0,
    duplicates: 0,
    setAside: 0,
    setAsideFile: undefined as string | undefined,
    complete: true,
  };
  const put = (record: SetAside): void => {
    aside.add(record);
    intake.setAside++;
    if (intake.setAside <= mostReported)
      options.report(`${placeText(record.at)} is set aside: ${withStop(record.reason)}`);
    if (intake.setAside === mostReported) options.report("What else is no message is set aside without a word.");
  };
  for await (const record of inbox.records()) {
    if (options.stopped() || intake.messages >= limit) {
      intake.complete = false;
      break;
    }
    if (record.kind === "set-aside") {
      put(record);
      continue;
    }
    await runs.below(ahead);
    const mark = markOf(record.key);
    const taken = await runs.take(record);
    if (taken.kind === "refused")
      put({ kind: "set-aside", at: record.at, reason: taken.reason, raw: Buffer.from(JSON.stringify(record.message)) });
    else if (seen.has(mark)) intake.duplicates++;
    else {
      intake.messages++;
      seen.add(mark);
    }
    options.progress(intake);
  }
  intake.setAsideFile = aside.finish();
  return intake;
}

/** So many records that are set aside are told one by one; the file has them all. */
const mostReported = 20;

/** Reasons of one clause have no full stop; those of whole sentences do. */
function withStop(reason: string): string {
  return reason.endsWith(".") ? reason : `${reason}.`;
}

/** A key as a number, which takes a few bytes where the text takes a hundred. Two that meet miscount one duplicate. */
function markOf(key: string): number {
  return Number.parseInt(keyOf(key).slice(0, 13), 16);
}
