/**
 * The values a journal can hold, and the one place where they become text and back.
 * What a body receives live is what was stored (decoded from its text), so replay cannot see another value.
 */
import { ConcertatoError } from "./errors.ts";

/** A value that survives `JSON.stringify` and `JSON.parse` unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Deepest nesting a stored value may have; deeper input is refused, not truncated. */
const maxDepth: number = 64;

/** Says no to an instance of a class by throwing. */
type Refuse = (value: object, where: string, path: string) => void;

const accept: Refuse = () => undefined;

/** Largest text of one stored value, in UTF-16 units (64 Mi). Large ones are kept by reference, so handing them on costs little. */
const maxTextLength: number = 64 * 1024 * 1024;

/**
 * Text of a value as it is stored. `undefined` is stored as no text at all.
 * @param where what is being stored, for the error message ("output of tool pay")
 * @param refuse throws for an instance that has `toJSON` and must not be here all the same
 * @throws ConcertatoError `codec/unstorable` for functions, symbols, BigInt, NaN, cycles, class instances without `toJSON`, depth over 64
 * @throws ConcertatoError `codec/too-large` over 64 Mi characters
 */
export function encodeJson(value: unknown, where: string, refuse: Refuse = accept): string | null {
  if (value === undefined) return null;
  // The fast look says yes or no, and how long the text will be at least; the slow one says where and why.
  const length = leastLength(value, 0);
  if (Number.isNaN(length)) assertStorable(value, where, "", 0, refuse);
  // Before the text is made: making one of a gigabyte would fill the memory only to be refused.
  if (length > maxTextLength) throw tooLarge(where, length);
  const text = toText(value, where);
  if (text === undefined) throw unstorable(where, "", "an object whose toJSON gives nothing");
  if (text.length > maxTextLength) throw tooLarge(where, text.length);
  return text;
}

/** A value whose length is not known before (an object with `toJSON`) may be longer than any string can be. */
function toText(value: unknown, where: string): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined;
  } catch (error) {
    if (error instanceof RangeError && error.message === "Invalid string length")
      throw tooLarge(where, maxTextLength + 1);
    throw error;
  }
}

/** A length that the value's text has at least, NaN when it cannot be stored; stops counting where it is too long anyway. */
function leastLength(value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return value.length + 2;
    case "boolean":
      return 4;
    case "undefined":
      return 0;
    case "number":
      return Number.isFinite(value) ? 1 : Number.NaN;
    case "object":
      break;
    default:
      return Number.NaN;
  }
  if (value === null) return 4;
  if (depth > maxDepth) return Number.NaN;
  let length = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      length += leastLength(item, depth + 1);
      if (length > maxTextLength) return length;
    }
    return length;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return Number.NaN;
  for (const key in value) {
    length += leastLength((value as Record<string, unknown>)[key], depth + 1);
    if (length > maxTextLength) return length;
  }
  return length;
}

/** The value of a stored text; no text is `undefined`. */
export function decodeJson(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

function assertLeaf(value: unknown, where: string, path: string): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value)) return;
      throw unstorable(where, path, `the number ${String(value)}`);
    default:
      throw unstorable(where, path, `a ${typeof value}`);
  }
}

function assertStorable(value: unknown, where: string, path: string, depth: number, refuse: Refuse): void {
  if (value === null || value === undefined) return;
  if (typeof value !== "object") return assertLeaf(value, where, path);
  if (depth > maxDepth) throw unstorable(where, path, `nesting deeper than ${maxDepth} or a cycle`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (typeof item === "string") continue;
      assertStorable(item, where, `${path}[${index}]`, depth + 1, refuse);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if ("toJSON" in value && typeof value.toJSON === "function") {
      refuse(value, where, path);
      const json: unknown = value.toJSON("");
      return assertStorable(json, where, path, depth + 1, refuse);
    }
    throw unstorable(where, path, `an instance of ${className(value)}`);
  }
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "string") continue;
    assertStorable(item, where, path === "" ? key : `${path}.${key}`, depth + 1, refuse);
  }
}

function className(value: object): string {
  return value.constructor?.name ?? "an unnamed class";
}

function tooLarge(where: string, length: number): ConcertatoError {
  return new ConcertatoError({
    code: "codec/too-large",
    message: `The ${where} has ${length} characters as JSON or more; the limit is ${maxTextLength}. Store it outside and pass a reference.`,
    details: { where, length, limit: maxTextLength },
  });
}

function unstorable(where: string, path: string, what: string): ConcertatoError {
  const at = path === "" ? "" : ` at ${path}`;
  return new ConcertatoError({
    code: "codec/unstorable",
    message: `The ${where} holds ${what}${at}, which a journal cannot store. Return plain JSON values.`,
    details: { where, path, what },
  });
}
