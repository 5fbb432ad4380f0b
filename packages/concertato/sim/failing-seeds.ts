/**
 * Seeds that once broke a rule, with what they found. They are run again before every other, with the words of their own
 * generation. A seed still changes its meaning when the kernel asks its store more or less often; the fault itself is
 * therefore kept as a planted bug or a test in test/runtime as well.
 */
export interface FailingSeed {
  readonly seed: number;
  readonly generation: number;
  readonly found: string;
}

export const failingSeeds: readonly FailingSeed[] = [
  { seed: 16, generation: 1, found: "a map's last item ended and nobody noticed that the run had come to rest" },
  { seed: 125, generation: 1, found: "two readings of one inbox woke each other for ever" },
  { seed: 1146, generation: 1, found: "a cancel whose last commit failed was never tried again" },
  { seed: 1808, generation: 1, found: "a signal before its wait was kept in the journal and not in memory" },
  { seed: 2381, generation: 1, found: "a run given back and claimed again, both without an answer" },
  { seed: 11690, generation: 1, found: "the same, with nothing left to wake it" },
  { seed: 17969, generation: 1, found: "a row read before a write that was still under way" },
  { seed: 7646, generation: 1, found: "an effect in doubt was repeated on an intent that a power cut took away" },
  {
    seed: 69639,
    generation: 1,
    found: "a claimed page whose first run could not be ended: the others were never loaded",
  },
  { seed: 142137, generation: 1, found: "the same after a power cut" },
  { seed: 345, generation: 2, found: "a read that lost its race while it waited for its next attempt was tried again" },
  { seed: 1155, generation: 3, found: "an item ended while the join that gave it up was taken up after a crash" },
  { seed: 110, generation: 4, found: "a resting run whose priority was changed was looked at for ever" },
  { seed: 989, generation: 5, found: "the same for one that was about to leave memory" },
  { seed: 25, generation: 5, found: "what a fork was decided with was not read where it is a large payload" },
  { seed: 66, generation: 5, found: "a fork taken where an undoing ended never ended" },
  { seed: 762, generation: 5, found: "a run that was being given back took a message, and nobody woke it again" },
  { seed: 1551, generation: 5, found: "a process that was put out took and lost the same run without a pause" },
  { seed: 1142, generation: 5, found: "a cancelled fork undid what its original had done" },
  {
    seed: 7825,
    generation: 5,
    found: "whoever cancelled a run dropped it when its process had taken it again to undo",
  },
  { seed: 501400, generation: 6, found: "the rule of one holder counted a fork, which holds nothing" },
  {
    seed: 501512,
    generation: 6,
    found: "news of room offered a letter again that had its answer, and it got two results",
  },
  {
    seed: 502464,
    generation: 6,
    found: "the simulator took a fork that came after its end for one that was forgotten",
  },
  { seed: 526196, generation: 6, found: "a cancelled run that another process had taken to undo was called damaged" },
  {
    seed: 622220,
    generation: 6,
    found: "a run put out while it was being given back at rest did not show any more what it waited for",
  },
  {
    seed: 602011,
    generation: 6,
    found: "a process that stood still while it read a cancelled run, which another ended, called its journal damaged",
  },
  {
    seed: 100461,
    generation: 7,
    found:
      "a fork did not tell that it gave up a call whose attempt had failed in its original, and a checker took its retry for the fork's",
  },
  { seed: 106515, generation: 7, found: "the same" },
  { seed: 307622, generation: 7, found: "the same" },
  { seed: 318678, generation: 7, found: "the same" },
  { seed: 393525, generation: 7, found: "the same" },
  { seed: 451819, generation: 7, found: "the same" },
  {
    seed: 353838,
    generation: 7,
    found:
      "a run that its process found in the store before its start was answered for was there twice, and paid twice",
  },
  {
    seed: 152800,
    generation: 7,
    found:
      "a run whose giving back got no answer took its place in the process for ever, and with it all room there was",
  },
  { seed: 191679, generation: 7, found: "the same in two processes, so that nobody took a letter's receiver" },
  { seed: 223136, generation: 7, found: "the same, and a run that was queued was never begun" },
  { seed: 5596, generation: 8, found: "a replay missed what a map that lost its race had begun after a crash" },
  { seed: 1784, generation: 8, found: "the same of a scope that went on by itself" },
  { seed: 20804, generation: 8, found: "a replay undid what was given up before it came to that" },
  { seed: 36652, generation: 8, found: "the same, further inside" },
  { seed: 300, generation: 8, found: "a replay of a fork went on with what its loop's history would hold in the fork" },
  {
    seed: 830702,
    generation: 8,
    found: "a fork took over the end of a run that its original had started with another input",
  },
  { seed: 561545, generation: 8, found: "the same, where a deployment had changed what is started" },
];
