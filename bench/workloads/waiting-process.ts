/**
 * The other processes of W5.
 *   start FILE COUNT   starts so many runs that wait for a person, and prints their ids
 *   heap FILE          opens the file, and prints the heap and how long it took to be ready
 */
import { open } from "concertato";
import { approval, startWaiting } from "./approval.ts";

const [task, file = "", count = "0"] = process.argv.slice(2);

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

if (task === "start") {
  await using app = await open(file, { agents: [approval] });
  console.log(JSON.stringify(await startWaiting(app, Number(count))));
} else {
  const before = heapUsed();
  const began = performance.now();
  await using app = await open(file, { agents: [approval] });
  await app.settle();
  const readyMs = performance.now() - began;
  console.log(JSON.stringify({ readyMs, heapBytes: heapUsed() - before }));
}
