/**
 * The irreversible effects that this process has begun and not heard the end of, whatever became of the run that began
 * them: a run may be dropped and read again while its payment is on its way (its store did not answer for another entry).
 * A probe that is asked meanwhile says truly that it did not happen yet; so the attempt's own end is waited for.
 * Lives and dies with the process: after a crash nothing is under way here.
 */
export class EffectsUnderWay {
  readonly #byKey = new Map<string, Promise<unknown>>();

  /**
   * Takes note of an attempt until it ends. It is asked for its end once, here: some only begin when they are.
   * @param key its idempotency key
   */
  note(key: string, attempt: PromiseLike<unknown>): Promise<unknown> {
    const end = Promise.resolve(attempt);
    this.#byKey.set(key, end);
    const forget = () => {
      if (this.#byKey.get(key) === end) this.#byKey.delete(key);
    };
    end.then(forget, forget);
    return end;
  }

  /** The end of the latest attempt under this key that is under way. */
  of(key: string): Promise<unknown> | undefined {
    return this.#byKey.get(key);
  }
}
