/** Listens to one worker: notes the starts it makes and what it reports. */
import type { History, Operation } from "./history.ts";
import type { WorkerLine } from "./worker-options.ts";

export class WorkerEar {
  readonly #history: History;
  readonly #started: (operation: Operation) => void;
  readonly #reported: (where: string, code: string, message: string) => void;
  readonly #open = new Map<string, Operation>();

  constructor(
    history: History,
    started: (operation: Operation) => void,
    reported: (where: string, code: string, message: string) => void,
  ) {
    this.#history = history;
    this.#started = started;
    this.#reported = reported;
  }

  readonly hear = (text: string): void => {
    // Workers write one of these per line, in one piece.
    const line = JSON.parse(text) as WorkerLine;
    if (line.say === "report") this.#reported("worker", line.code, line.message);
    if (line.say === "invoke")
      this.#open.set(line.key, this.#history.invoke({ kind: "start", key: line.key, plan: line.plan }));
    if (line.say === "ok") this.#acknowledged(line.key, line.runId);
  };

  #acknowledged(key: string, runId: string): void {
    const operation = this.#open.get(key);
    if (operation === undefined) return;
    this.#history.end(operation, "ok", { result: runId });
    this.#started(operation);
  }
}
