/** Real small models that need no key and no download at run time. */
export { type MiniLm, type MiniLmOptions, miniLm } from "./mini-lm.ts";
export { similarity } from "./similarity.ts";
