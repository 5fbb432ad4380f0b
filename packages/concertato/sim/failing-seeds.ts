/**
 * Seeds that once broke a rule, with what they found. They are run again before every other. A seed tells the same story
 * only as long as programs are generated the same way; the fault itself is kept as a planted bug or a test in test/runtime.
 */
export const failingSeeds: readonly number[] = [
  16, // a map's last item ended and nobody noticed that the run had come to rest
  125, // two readings of one inbox woke each other for ever
  1146, // a cancel whose last commit failed was never tried again
  1808, // a signal that came before its wait was kept in the journal and not in memory
  2381, // a run that was given back and claimed again, both without an answer
  11690, // the same, with nothing left to wake it
  17969, // a row read before a write that was still under way
  7646, // an effect in doubt was repeated on an intent that a power cut then took away
  69639, // a page of claimed runs, of which the first could not be ended: the others were owned and never loaded
  142137, // the same after a power cut
];
