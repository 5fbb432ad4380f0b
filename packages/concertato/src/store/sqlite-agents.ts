/**
 * Names of agents as small integers, so that a run row and its index of due wakes stay narrow.
 * Rows of `agent` are never changed or removed, so what was read once stays true.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export class AgentTable {
  readonly #idByLabel = new Map<string, number>();
  readonly #labelById = new Map<number, string>();
  readonly #findByLabel: StatementSync;
  readonly #findById: StatementSync;
  readonly #insert: StatementSync;

  constructor(db: DatabaseSync) {
    this.#findByLabel = db.prepare("select id from agent where label = ?");
    this.#findById = db.prepare("select label from agent where id = ?");
    this.#insert = db.prepare("insert into agent (label, name) values (?, ?)");
  }

  /** The id of `name@version`, or undefined when no run of it was ever made. */
  find(label: string): number | undefined {
    const known = this.#idByLabel.get(label);
    if (known !== undefined) return known;
    const row = this.#findByLabel.get(label);
    if (row === undefined) return undefined;
    return this.#remember(Number(row["id"]), label);
  }

  /** The id of `name@version`, made when needed. Only inside a transaction. */
  idOf(label: string): number {
    return this.find(label) ?? this.#remember(Number(this.#insert.run(label, nameOf(label)).lastInsertRowid), label);
  }

  /** The label behind an id that a run row holds; one that nobody has where the row was damaged. */
  label(id: number): string {
    const known = this.#labelById.get(id);
    if (known !== undefined) return known;
    const row = this.#findById.get(id);
    if (row === undefined) return `damaged-${id}@0`;
    const label = String(row["label"]);
    this.#remember(id, label);
    return label;
  }

  /** After a rollback: ids made in the lost transaction will go to other labels. */
  forget(): void {
    this.#idByLabel.clear();
    this.#labelById.clear();
  }

  #remember(id: number, label: string): number {
    this.#idByLabel.set(label, id);
    this.#labelById.set(id, label);
    return id;
  }
}

/** `name` of `name@version`; a name may itself begin with or hold an "@". */
function nameOf(label: string): string {
  const at = label.lastIndexOf("@");
  return at <= 0 ? label : label.slice(0, at);
}
