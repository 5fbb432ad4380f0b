/** The memory store keeps the Store contract: the same suite as every other. */
import { describe, test } from "vitest";
import { storeConformance, type StoreUnderTest } from "../../../conformance/src/store-conformance.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";

storeConformance({
  name: "memory",
  describe,
  it: test,
  skip: test.skip,
  open: async (): Promise<StoreUnderTest> => {
    const store = new MemoryStore();
    return {
      store,
      deadOwner: () => {
        const owner = store.join();
        store.leave(owner);
        return owner;
      },
      dispose: async () => store.close(),
    };
  },
  noSecondStore: "memory belongs to one process",
});
