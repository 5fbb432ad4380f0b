/** The suite under the test runner of Node itself: run by `node-test.test.ts` in a process of its own. */
import { describe, it } from "node:test";
import { storeConformance } from "../src/index.ts";
import { MemoryStore } from "../../concertato/src/store/memory-store.ts";

storeConformance({
  name: "memory",
  describe: (name, register) => void describe(name, register),
  it: (name, run) => void it(name, run),
  skip: (name) => void it.skip(name),
  noSecondStore: "memory belongs to one process",
  open: async () => {
    const store = new MemoryStore();
    const deadOwner = (): number => {
      const owner = store.join();
      store.leave(owner);
      return owner;
    };
    return { store, deadOwner, dispose: async () => store.close() };
  },
});
