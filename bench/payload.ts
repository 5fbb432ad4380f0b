/** The value handed from step to step in every workload: 200 bytes as JSON, with a counter that proves the order. */

export interface Payload {
  readonly n: number;
  readonly text: string;
}

/** Bytes of a payload as JSON, for counters of four digits. */
export const payloadBytes = 200;

const text = "A customer asks why a card payment was taken twice. "
  .repeat(4)
  .slice(0, payloadBytes - '{"n":1000,"text":""}'.length);

export function payload(n: number): Payload {
  return { n, text };
}

/** What every step does with it: a new object, as real work would answer. */
export function stepped(value: Payload): Payload {
  return { n: value.n + 1, text: value.text };
}

type Validated = { readonly value: Payload } | { readonly issues: readonly { readonly message: string }[] };

interface PayloadSchema {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated;
    readonly types?: { readonly input: Payload; readonly output: Payload } | undefined;
  };
}

/** Checks both fields. A Standard Schema written by hand, so that the figures are the kernel's and not a library's. */
export const payloadSchema: PayloadSchema = {
  "~standard": { version: 1, vendor: "bench", validate },
};

function validate(value: unknown): Validated {
  if (typeof value !== "object" || value === null) return { issues: [{ message: "not an object" }] };
  const { n, text: words } = value as Partial<Payload>;
  if (typeof n !== "number" || typeof words !== "string") return { issues: [{ message: "not a payload" }] };
  return { value: { n, text: words } };
}
