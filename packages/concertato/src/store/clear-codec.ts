/**
 * The codec that keeps payloads as they are: for memory, tests and files whose disk is trusted.
 */
import { hash } from "node:crypto";
import { ConcertatoError } from "../kernel/errors.ts";
import type { PayloadCodec } from "../journal/store.ts";

/**
 * Keeps the text. Large payloads are named by their SHA-256.
 * @throws ConcertatoError `codec/key-missing` when it is asked to open what another codec sealed
 */
export const clearCodec: PayloadCodec = {
  prepare: () => undefined,
  seal: (_tenant, _run, text) => text,
  hash: (_tenant, text) => hash("sha256", text, "base64url"),
  open(tenant, run, sealed) {
    if (typeof sealed === "string") return sealed;
    throw new ConcertatoError({
      code: "codec/key-missing",
      message: `A payload of ${run} (tenant ${tenant}) is sealed and no key was given. Open the store with the key it was written with.`,
      details: { tenant, run },
    });
  },
};
