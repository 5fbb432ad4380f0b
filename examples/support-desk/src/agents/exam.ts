/**
 * Asks the router about labelled messages that it was never tuned on, and counts. The labels are compared afterwards; the
 * router sees the words alone.
 */
import { tool } from "concertato";
import { z } from "zod";
import { areaNames, type ExamResult, examResult } from "../messages.ts";
import type { Compare } from "./meaning.ts";
import { redactWords } from "./redact.ts";
import { routeWords } from "./router.ts";

export const labelled = z.object({
  id: z.string(),
  expected: z.enum([...areaNames, "out-of-scope"]),
  subject: z.string(),
  body: z.string(),
});
export type Labelled = z.infer<typeof labelled>;

export const exam = (compare: Compare) =>
  tool({
    name: "exam",
    description: "Measures the router on held-out messages",
    input: z.array(labelled),
    output: examResult,
    effect: "read",
    execute: async (messages): Promise<ExamResult> => {
      const routes = await Promise.all(messages.map((each) => routeWords(redactWords(each), compare)));
      const answers = messages.map(({ id, expected }, index) => {
        const { plan = [], candidates = [] } = routes[index] ?? {};
        return { id, expected, got: plan[0] ?? "out-of-scope", similarity: candidates[0]?.similarity ?? 0 };
      });
      const foreign = answers.filter(({ expected }) => expected === "out-of-scope");
      return {
        total: answers.length,
        right: answers.filter(({ expected, got }) => expected === got).length,
        outOfScope: { total: foreign.length, escalated: foreign.filter(({ got }) => got === "out-of-scope").length },
        confusions: answers.filter(({ expected, got }) => expected !== got),
      };
    },
  });
