/** A process that opens a store file of an older schema and is killed before statement number `at` of its migration. */
import { writeSync } from "node:fs";
import { openConnection } from "../../src/store/sqlite-schema.ts";

const [path = "", at = "0"] = process.argv.slice(2);
let statement = 0;

openConnection(path, () => {
  if (++statement === Number(at)) process.kill(process.pid, "SIGKILL");
}).close();
writeSync(1, "migrated\n");
