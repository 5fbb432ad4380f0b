/**
 * The codec that keeps payloads as they are: for memory, tests and files whose disk is trusted.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import type { PayloadCodec } from "./store.ts";

/**
 * Keeps the text.
 * @throws ConcertatoError `codec/key-missing` when it is asked to open what another codec sealed
 */
export const clearCodec: PayloadCodec = {
  prepare: () => undefined,
  seal: (_tenant, _run, text) => text,
  open(tenant, run, sealed) {
    if (typeof sealed === "string") return sealed;
    throw new ConcertatoError({
      code: "codec/key-missing",
      message: `A payload of run ${run} (tenant ${tenant}) is sealed and no key was given. Open the store with the key it was written with.`,
      details: { tenant, run },
    });
  },
};
