/** Suites that implementations of Concertato's contracts must pass. Anything not named here may change without notice. */
export { storeConformance } from "./store-conformance.ts";
export type { ConformanceOptions, StoreUnderTest } from "./store-conformance.ts";
