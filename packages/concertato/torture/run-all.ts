/** One run of a harness after the other, until all are done or somebody interrupts. */

/**
 * @param one runs one of them; true when it ended well
 * @returns exit code: 0 all well, 1 something was wrong, 130 interrupted (each run has cleaned up behind itself)
 */
export async function runAll<Options>(
  runs: readonly Options[],
  one: (options: Options, signal: AbortSignal) => Promise<boolean>,
): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => interrupted.abort());
  let good = true;
  for (const options of runs) {
    try {
      good = (await one(options, interrupted.signal)) && good;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      return 130;
    }
  }
  return good ? 0 : 1;
}
