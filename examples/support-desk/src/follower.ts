/**
 * Follows a job's committed entries from the first one on and hands each to a listener, in order. Others can wait until
 * it has come to a certain entry, so that what is printed is never behind what is decided.
 */
import type { Job } from "concertato";

type FollowedEntry = Job<unknown> extends { events(options?: object): AsyncIterable<infer Entry> } ? Entry : never;

export interface Follower {
  /** Resolves when the entry with this number has been heard. */
  readonly reached: (seq: number) => Promise<void>;
}

export function follow(job: Job<unknown>, hear: (entry: FollowedEntry) => void): Follower {
  let heard = 0;
  let lost: unknown;
  const waiting = new Set<{ readonly seq: number; readonly gate: PromiseWithResolvers<void> }>();
  const release = (): void => {
    for (const each of waiting) {
      if (lost !== undefined) each.gate.reject(lost);
      else if (heard >= each.seq) each.gate.resolve();
      else continue;
      waiting.delete(each);
    }
  };
  const listen = async (): Promise<void> => {
    for await (const entry of job.events({ after: 0, live: true })) {
      hear(entry);
      heard = entry.seq;
      release();
    }
  };
  listen().catch((error: unknown) => {
    lost = error;
    release();
  });
  return {
    reached: (seq) => {
      const each = { seq, gate: Promise.withResolvers<void>() };
      waiting.add(each);
      release();
      return each.gate.promise;
    },
  };
}
