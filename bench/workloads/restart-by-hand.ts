/** The floor of W9, in a process of its own: gives all rows back, takes one, and says how long after its start that was. */
import { performance } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync(process.argv[2] ?? "");
const { changes } = db.prepare("update run set owner = null, wake = 0").run();
db.prepare("select body from run where wake = 0 limit 1").get();
const firstMs = performance.now();
const { user, system } = process.cpuUsage();
db.exec("update run set owner = 1, wake = null");
db.close();
console.log(JSON.stringify({ firstMs, rows: Number(changes), cpuMs: (user + system) / 1000 }));
