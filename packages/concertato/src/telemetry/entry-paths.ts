/** The addresses of a journal's entries ("0.3", "0~2.1"), from its first entry on: an entry itself names only its scope. */
import type { Entry } from "../journal/entry.ts";

interface Scope {
  readonly path: string;
  /** `name@version` of the agent that acts in it. */
  readonly agent: string;
}

/** Follows a journal. Entries are given in order, from the first, without a gap. */
export class EntryPaths {
  readonly #scopes: Map<number, Scope> = new Map();

  /** The address of the next entry. */
  of(entry: Entry): string {
    if (entry.kind === "run-started") this.#scopes.set(1, { path: "0", agent: entry.name });
    if (entry.kind === "continued")
      this.#scopes.set(entry.seq, { path: `0~${entry.meta.count ?? 2}`, agent: entry.name });
    const scope = this.#scopes.get(entry.scope)?.path ?? "0";
    const path = entry.op === "" ? scope : `${scope}.${entry.op}`;
    if (entry.kind === "scope-started") this.#scopes.set(entry.seq, { path, agent: entry.meta.agent ?? entry.name });
    return path;
  }

  /** `name@version` of the agent whose operation an entry is of; undefined where its scope was not seen. */
  agentOf({ scope }: Entry): string | undefined {
    return this.#scopes.get(scope)?.agent;
  }
}
