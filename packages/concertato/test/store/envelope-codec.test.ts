/** Sealed payloads: what goes in comes out, what was touched does not, and nothing readable reaches the file. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clearCodec } from "../../src/store/clear-codec.ts";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { type EnvelopeCodec, type KeyStore, openEnvelopeCodec } from "../../src/store/envelope-codec.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, entry, made } from "../../../conformance/src/store-conformance.ts";

class Meta implements KeyStore {
  readonly values = new Map<string, Uint8Array>();

  readMeta(name: string): Uint8Array | undefined {
    return this.values.get(name);
  }

  writeMetaOnce(name: string, value: Uint8Array): Uint8Array {
    const present = this.values.get(name);
    if (present !== undefined) return present;
    this.values.set(name, value);
    return value;
  }
}

const kek = new Uint8Array(32).fill(7);
const openCodec = (
  store: KeyStore,
  more: { readonly kek?: Uint8Array; readonly tenants?: readonly string[]; readonly messagesPerKey?: number } = {},
): Promise<EnvelopeCodec> => openEnvelopeCodec({ kek, store, tenants: ["acme"], ...more });

function sealedBytes(codec: EnvelopeCodec, text: string): Uint8Array {
  const sealed = codec.seal("acme", "r1", text);
  if (typeof sealed === "string") throw new Error("The payload was not sealed.");
  return sealed;
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
    return "no error";
  } catch (error) {
    return ConcertatoError.is(error) ? error.code : String(error);
  }
}

async function codeOfAsync(attempt: Promise<unknown>): Promise<string> {
  const error: unknown = await attempt.then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  return ConcertatoError.is(error) ? error.code : String(error);
}

describe("envelope codec", () => {
  test("any text comes back, for any tenant and run, also with the keys read again", async () => {
    const meta = new Meta();
    const codec = await openCodec(meta);
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary" }),
        fc.string(),
        fc.string({ unit: "grapheme", maxLength: 500 }),
        async (tenant, run, text) => {
          await codec.prepare(tenant);
          const sealed = codec.seal(tenant, run, text);
          expect(codec.open(tenant, run, sealed)).toBe(text);
          const again = await openCodec(meta, { tenants: [tenant] });
          expect(again.open(tenant, run, sealed)).toBe(text);
        },
      ),
    );
  });

  test("any changed or missing byte is journal/damaged", async () => {
    const codec = await openCodec(new Meta());
    const sealed = sealedBytes(codec, '{"amount":100}');
    for (let index = 0; index < sealed.length; index++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = Uint8Array.from(sealed);
        changed[index] = (changed[index] ?? 0) ^ flip;
        expect([index, codeOf(() => codec.open("acme", "r1", changed))]).toEqual([index, "journal/damaged"]);
      }
      expect(codeOf(() => codec.open("acme", "r1", sealed.subarray(0, index)))).toBe("journal/damaged");
    }
    expect(codeOf(() => codec.open("acme", "r1", Buffer.concat([sealed, Buffer.of(0)])))).toBe("journal/damaged");
    expect(codec.open("acme", "r1", sealed)).toBe('{"amount":100}');
  });

  test("a payload opens only for its tenant and run", async () => {
    const codec = await openCodec(new Meta(), { tenants: ["a", "ab"] });
    const sealed = codec.seal("a", "bc", "secret");
    expect(codeOf(() => codec.open("a", "bd", sealed))).toBe("journal/damaged");
    expect(codeOf(() => codec.open("ab", "c", sealed))).toBe("journal/damaged");
  });

  test("text in clear is not taken for a payload", async () => {
    const codec = await openCodec(new Meta());
    expect(codeOf(() => codec.open("acme", "r1", '{"amount":1}'))).toBe("journal/damaged");
  });

  test("the same text never looks the same twice", async () => {
    const codec = await openCodec(new Meta());
    const seen = new Set(Array.from({ length: 500 }, () => Buffer.from(sealedBytes(codec, "yes")).toString("hex")));
    expect(seen.size).toBe(500);
  });

  test("another key is codec/key-missing, a changed stored key is journal/damaged", async () => {
    const meta = new Meta();
    await openCodec(meta);
    expect(await codeOfAsync(openCodec(meta, { kek: new Uint8Array(32).fill(8) }))).toBe("codec/key-missing");
    expect(await codeOfAsync(openCodec(meta, { kek: new Uint8Array(16) }))).toBe("codec/key-missing");
    const [[name, wrapped] = ["", new Uint8Array()]] = meta.values;
    for (const index of [0, 20, 40, wrapped.length - 1]) {
      const changed = Uint8Array.from(wrapped);
      changed[index] = (changed[index] ?? 0) ^ 1;
      meta.values.set(name, changed);
      expect(await codeOfAsync(openCodec(meta))).toBe("journal/damaged");
    }
  });

  test("a tenant that was not prepared is codec/key-missing until it is", async () => {
    const codec = await openCodec(new Meta());
    expect(codeOf(() => codec.seal("new", "r1", "x"))).toBe("codec/key-missing");
    expect(codeOf(() => codec.open("new", "r1", codec.seal("acme", "r1", "x")))).toBe("codec/key-missing");
    await codec.prepare("new");
    expect(codec.open("new", "r1", codec.seal("new", "r1", "x"))).toBe("x");
  });

  test("two processes that meet a new tenant at once agree on its key", async () => {
    const meta = new Meta();
    const [one, two] = [await openCodec(meta), await openCodec(meta)];
    await Promise.all([one.prepare("new"), two.prepare("new")]);
    expect(two.open("new", "r1", one.seal("new", "r1", "x"))).toBe("x");
  });

  test("a key that has sealed its share is followed by a new one; the old payloads still open", async () => {
    const meta = new Meta();
    const codec = await openCodec(meta, { messagesPerKey: 3 });
    const old = ["a", "b", "c"].map((text) => codec.seal("acme", "r1", text));
    expect(codec.messages("acme")).toBe(3);
    await codec.prepare("acme");
    expect([codec.messages("acme"), meta.values.size]).toEqual([0, 2]);
    const late = await openCodec(meta);
    const sealed = codec.seal("acme", "r1", "d");
    expect([...old, sealed].map((payload) => late.open("acme", "r1", payload))).toEqual(["a", "b", "c", "d"]);
    await codec.prepare("acme");
    expect(meta.values.size).toBe(2);
  });

  test("a payload of a key made elsewhere since opens after prepare", async () => {
    const meta = new Meta();
    const [one, two] = [await openCodec(meta, { messagesPerKey: 1 }), await openCodec(meta)];
    one.seal("acme", "r1", "x");
    await one.prepare("acme");
    const sealed = one.seal("acme", "r1", "y");
    expect(codeOf(() => two.open("acme", "r1", sealed))).toBe("codec/key-missing");
    await two.prepare("acme");
    expect(two.open("acme", "r1", sealed)).toBe("y");
  });

  test("neither payloads nor keys are readable in the files of a store", async () => {
    const folder = mkdtempSync(join(tmpdir(), "concertato-codec-"));
    const store = await openSqliteStore({ path: join(folder, "desk.db"), report: () => undefined });
    try {
      const key = randomBytes(32);
      const codec = await openEnvelopeCodec({ kek: key, store, tenants: ["acme"] });
      const run = await made(store, "r1", { owner: await store.join() });
      const secret = "IBAN DE89 3704 0044 0532 0130 00";
      const control = "this line is in clear";
      await store.commit(
        [append(run, { entries: [entry(2, { body: codec.seal("acme", "r1", secret) }), entry(3, { body: control })] })],
        "full",
      );
      const files = (): Buffer => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
      const assertSealed = (bytes: Buffer): void => {
        expect(bytes.includes(control)).toBe(true);
        expect(bytes.includes(secret)).toBe(false);
        expect(bytes.includes(key)).toBe(false);
      };
      assertSealed(files());
      const [sealed] = await store.entries(run.key, 1, 1);
      expect(codec.open("acme", "r1", sealed?.body ?? "")).toBe(secret);
      await store.close();
      assertSealed(files());
    } finally {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("clear codec", () => {
  test("keeps text and refuses what was sealed", () => {
    expect(clearCodec.open("acme", "r1", clearCodec.seal("acme", "r1", "{}"))).toBe("{}");
    expect(codeOf(() => clearCodec.open("acme", "r1", new Uint8Array([1])))).toBe("codec/key-missing");
  });
});
