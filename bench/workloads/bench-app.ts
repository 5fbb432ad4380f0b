/** An app on the store that a workload asks for, and the way back to it for the checker. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type App, open } from "concertato";

export type StoreKind = "memory" | "normal" | "full";

export async function openBenchApp(folder: string, store: StoreKind): Promise<App> {
  return store === "memory" ? open() : open(fileIn(folder), { durability: store });
}

/** What the next repetition works with: a new app in memory, since such a one keeps all its runs; the same file else. */
export async function nextApp(app: App, store: StoreKind): Promise<App> {
  if (store !== "memory") return app;
  await app.close();
  return open();
}

/**
 * Lets `check` read what is there. A durable app is closed first and the file opened anew, so that the checker sees
 * what another process would. Answers the size of the file, when there is one.
 */
export async function readBack(
  app: App,
  folder: string,
  store: StoreKind,
  check: (app: App) => Promise<void>,
): Promise<number | undefined> {
  if (store === "memory") {
    await check(app);
    await app.close();
    return undefined;
  }
  await app.close();
  const reader = await open(fileIn(folder), { role: "client" });
  await check(reader);
  await reader.close();
  return statSync(fileIn(folder)).size;
}

function fileIn(folder: string): string {
  return join(folder, "bench.db");
}
