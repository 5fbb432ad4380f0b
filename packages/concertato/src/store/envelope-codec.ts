/**
 * Payloads sealed with AES-256-GCM, one random key per tenant. The tenant keys lie in the store, wrapped by the one key
 * that the caller keeps (envelope encryption), so taking a tenant's key away makes all its payloads unreadable.
 *
 *   sealed  = version 1 | key number 4 | check 4 | nonce 12 | ciphertext | tag 16
 *   wrapped = version 1 | id of the wrapping key 8 | nonce 12 | key 32 | tag 16
 *
 * A payload is bound to its tenant and run: moved to another run it does not open. It is not bound to its place in the
 * journal, so whoever can write to the file can exchange two payloads of one run.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { ConcertatoError } from "../kernel/errors.ts";
import type { Awaitable, PayloadCodec, Store } from "../journal/store.ts";

/** What the codec needs of a store. */
export type KeyStore = Pick<Store, "readMeta" | "writeMetaOnce">;

export interface EnvelopeCodecOptions {
  /** The key that wraps the tenants' keys: 32 random bytes, kept outside the store. */
  readonly kek: Uint8Array;
  readonly store: KeyStore;
  /** Tenants whose keys are loaded, or made, before this answers. */
  readonly tenants: readonly string[];
  /** A tenant gets a new key at the next `prepare` after so many messages. Default 2^31. */
  readonly messagesPerKey?: number;
}

export interface EnvelopeCodec extends PayloadCodec {
  /** Loads the tenant's keys, or makes its first; a new one when the newest has sealed its share. Sealing and opening need it once. */
  prepare(tenant: string): Promise<void>;
  /** How many messages this process has sealed with the tenant's newest key. */
  messages(tenant: string): number;
}

const version = 1;
const algorithm = "aes-256-gcm";
const keyLength = 32;
const nonceLength = 12;
const tagLength = 16;
const numberAt = 1;
const checkAt = 5;
const nonceAt = 9;
const textAt = nonceAt + nonceLength;

const kekIdLength = 8;
const wrappedLength = 1 + kekIdLength + nonceLength + keyLength + tagLength;

/**
 * Random nonces of 96 bits may repeat; NIST SP 800-38D therefore stops at 2^32 messages per key, where the chance of
 * one repeat is below 2^-32. The count is of this process only, so half of that is used.
 */
const defaultMessagesPerKey = 2 ** 31;
const hardLimit = 2 ** 32;

/** The keys of one tenant, by number; the last one seals. */
interface TenantKeys {
  readonly keys: Buffer[];
  /** Names large payloads; made of the first key, so it stays the same when a new one seals. */
  hashKey: Buffer | undefined;
  messages: number;
}

/**
 * Opens the codec and prepares the tenants named.
 * @throws ConcertatoError `codec/key-missing` when the store's keys were wrapped by another key
 * @throws ConcertatoError `journal/damaged` when a wrapped key was changed
 */
export async function openEnvelopeCodec(options: EnvelopeCodecOptions): Promise<EnvelopeCodec> {
  if (options.kek.length !== keyLength) {
    throw keyMissing(`The key has ${options.kek.length} bytes and needs ${keyLength}.`);
  }
  const codec = new TenantEnvelope(options);
  for (const tenant of options.tenants) await codec.prepare(tenant);
  return codec;
}

class TenantEnvelope implements EnvelopeCodec {
  readonly #ring: KeyRing;
  readonly #tenants = new Map<string, TenantKeys>();
  readonly #messagesPerKey: number;

  constructor({ kek, store, messagesPerKey }: EnvelopeCodecOptions) {
    this.#ring = new KeyRing(kek, store);
    this.#messagesPerKey = messagesPerKey ?? defaultMessagesPerKey;
  }

  /** If the process dies here, a key is in the store whole or not at all; a key without messages does no harm. */
  async prepare(tenant: string): Promise<void> {
    const known = this.#tenants.get(tenant) ?? { keys: [], hashKey: undefined, messages: 0 };
    const before = known.keys.length;
    await this.#loadFurther(tenant, known.keys);
    const isUsedUp = known.keys.length === before && known.messages >= this.#messagesPerKey;
    if (known.keys.length === 0 || isUsedUp) known.keys.push(await this.#ring.make(tenant, known.keys.length + 1));
    if (known.keys.length !== before) known.messages = 0;
    this.#tenants.set(tenant, known);
  }

  async #loadFurther(tenant: string, keys: Buffer[]): Promise<void> {
    for (;;) {
      const key = await this.#ring.load(tenant, keys.length + 1);
      if (key === undefined) return;
      keys.push(key);
    }
  }

  messages(tenant: string): number {
    return this.#tenants.get(tenant)?.messages ?? 0;
  }

  seal(tenant: string, run: string, text: string): Uint8Array {
    const known = this.#prepared(tenant, run);
    if (known.messages >= hardLimit) {
      throw keyMissing(
        `The key of tenant ${tenant} has sealed ${hardLimit} messages. Prepare the tenant to get a new one.`,
        { tenant },
      );
    }
    known.messages++;
    const number = known.keys.length;
    const key = known.keys[number - 1];
    if (key === undefined) throw unprepared(tenant, run);
    const header = headerOf(number);
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv(algorithm, key, nonce);
    cipher.setAAD(boundTo(header, tenant, run));
    const body = cipher.update(text, "utf8");
    cipher.final();
    return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
  }

  hash(tenant: string, text: string): string {
    const known = this.#prepared(tenant, "a large payload");
    const [first] = known.keys;
    if (first === undefined) throw unprepared(tenant, "a large payload");
    known.hashKey ??= createHmac("sha256", first).update("concertato blob names").digest();
    return createHmac("sha256", known.hashKey).update(text).digest("base64url");
  }

  open(tenant: string, run: string, sealed: string | Uint8Array): string {
    // Never taken as it is: whoever can write to the file could then put any text in the place of a sealed one.
    if (typeof sealed === "string") throw damaged(tenant, run, "is in clear where a sealed one is due");
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const header = bytes.subarray(0, nonceAt);
    if (bytes.length < textAt + tagLength || !isHeader(header)) throw damaged(tenant, run, "was changed or cut off");
    const key = this.#prepared(tenant, run).keys[header.readUInt32BE(numberAt) - 1];
    if (key === undefined) throw unprepared(tenant, run);
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(nonceAt, textAt), { authTagLength: tagLength });
    decipher.setAAD(boundTo(header, tenant, run));
    decipher.setAuthTag(bytes.subarray(-tagLength));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(textAt, -tagLength)), decipher.final()]).toString("utf8");
    } catch (error) {
      throw damaged(tenant, run, "was changed, or belongs to another run", error);
    }
  }

  #prepared(tenant: string, run: string): TenantKeys {
    const known = this.#tenants.get(tenant);
    if (known === undefined) throw unprepared(tenant, run);
    return known;
  }
}

/** Keys of tenants in the store, wrapped by the caller's key. */
class KeyRing {
  readonly #kek: Buffer;
  /** Says which key wrapped, without saying anything of the key: tells a wrong key from a damaged one. */
  readonly #kekId: Buffer;
  readonly #store: KeyStore;

  constructor(kek: Uint8Array, store: KeyStore) {
    this.#kek = Buffer.from(kek);
    this.#kekId = createHmac("sha256", this.#kek).update("concertato wrapping key").digest().subarray(0, kekIdLength);
    this.#store = store;
  }

  async load(tenant: string, number: number): Promise<Buffer | undefined> {
    const wrapped = await this.#store.readMeta(metaName(tenant, number));
    return wrapped === undefined ? undefined : this.#unwrap(tenant, number, wrapped);
  }

  /** Another process may make the same key at the same time; then its one is the tenant's, and this one was never used. */
  async make(tenant: string, number: number): Promise<Buffer> {
    const offered = this.#wrap(tenant, number, randomBytes(keyLength));
    const kept: Awaitable<Uint8Array> = this.#store.writeMetaOnce(metaName(tenant, number), offered);
    return this.#unwrap(tenant, number, await kept);
  }

  #wrap(tenant: string, number: number, key: Buffer): Buffer {
    const header = Buffer.concat([Buffer.of(version), this.#kekId]);
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv(algorithm, this.#kek, nonce);
    cipher.setAAD(boundTo(header, tenant, String(number)));
    const body = Buffer.concat([cipher.update(key), cipher.final()]);
    return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
  }

  #unwrap(tenant: string, number: number, wrapped: Uint8Array): Buffer {
    const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength);
    const header = bytes.subarray(0, 1 + kekIdLength);
    if (bytes.length !== wrappedLength || bytes[0] !== version) throw damagedKey(tenant);
    if (!header.subarray(1).equals(this.#kekId)) {
      throw keyMissing(
        `The key of tenant ${tenant} was wrapped by another key than the one given. Open the store with that one.`,
        { tenant },
      );
    }
    const nonceEnd = header.length + nonceLength;
    const decipher = createDecipheriv(algorithm, this.#kek, bytes.subarray(header.length, nonceEnd), {
      authTagLength: tagLength,
    });
    decipher.setAAD(boundTo(header, tenant, String(number)));
    decipher.setAuthTag(bytes.subarray(-tagLength));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(nonceEnd, -tagLength)), decipher.final()]);
    } catch (error) {
      throw damagedKey(tenant, error);
    }
  }
}

/** Tenant names may hold anything; the number is what follows the last slash. */
function metaName(tenant: string, number: number): string {
  return `tenant-key/${tenant}/${number}`;
}

/** Version, key number and a check over both: a changed number must not look like a key that is missing. */
function headerOf(number: number): Buffer {
  const header = Buffer.alloc(nonceAt);
  header[0] = version;
  header.writeUInt32BE(number, numberAt);
  header.writeUInt32BE(checkOf(header), checkAt);
  return header;
}

function isHeader(header: Buffer): boolean {
  return header[0] === version && header.readUInt32BE(checkAt) === checkOf(header);
}

/** FNV-1a over version and number. Every step can be undone, so two headers that differ in one byte never share it. */
function checkOf(header: Buffer): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < checkAt; index++) hash = Math.imul(hash ^ (header[index] ?? 0), 0x01000193);
  return hash >>> 0;
}

/** Additional data: the header, then tenant and run. The tenant's length goes first, so "a"+"bc" is not "ab"+"c". */
function boundTo(header: Buffer, tenant: string, run: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(tenant));
  return Buffer.concat([header, length, Buffer.from(tenant), Buffer.from(run)]);
}

function keyMissing(message: string, details: { readonly tenant?: string } = {}): ConcertatoError {
  return new ConcertatoError({ code: "codec/key-missing", message, details });
}

function unprepared(tenant: string, run: string): ConcertatoError {
  return new ConcertatoError({
    code: "codec/key-missing",
    message: `No key of tenant ${tenant} is loaded for a payload of run ${run}. Prepare the tenant first.`,
    details: { tenant, run },
  });
}

function damaged(tenant: string, run: string, how: string, cause?: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `A payload of run ${run} (tenant ${tenant}) ${how}. Restore the run from a backup.`,
    details: { tenant, run },
    cause,
  });
}

function damagedKey(tenant: string, cause?: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `The stored key of tenant ${tenant} was changed. Restore the store from a backup; nothing of this tenant can be read without it.`,
    details: { tenant },
    cause,
  });
}
