/** The memory store keeps the Store contract: the same suite as every other. */
import { storeConformance, type StoreUnderTest } from "./store-conformance.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";

storeConformance(
  "memory",
  async (): Promise<StoreUnderTest> => {
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
  { noSecondStore: "memory belongs to one process" },
);
