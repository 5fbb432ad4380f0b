/** Every suite of benchmarks. */
import { agentsSuite } from "./agents-suite.ts";
import { kernelSuite } from "./kernel-suite.ts";
import type { Suite } from "./suite.ts";

export const suites: readonly Suite[] = [kernelSuite, agentsSuite];
