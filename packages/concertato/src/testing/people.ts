/** People in tests: functions that answer what they are asked. */

/** What a person answers to a request; `undefined` leaves the question open. */
export type Person = (request: unknown) => unknown;

/** Says yes to every action. */
export function approve(note?: string): Person {
  return () => ({ approved: true, by: "test", ...(note === undefined ? {} : { note }) });
}

/** Says no to every action. */
export function reject(note?: string): Person {
  return () => ({ approved: false, by: "test", ...(note === undefined ? {} : { note }) });
}

/** Answers with these, one after the other, and then leaves questions open. */
export function answers(...values: readonly unknown[]): Person {
  let at = 0;
  return () => values[at++];
}
