/**
 * The card network's rate service: a real HTTP server on this machine over a database of its own. For days whose feed is
 * broken it answers 503 with the reason, every time it is asked; which days those are is in its data.
 *
 *   GET /rates/CHF/2026-02-24   200 {"currency","day","rate"} · 404 not a day it knows · 503 {"reason"}
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { networkOutages, networkRates } from "./card-network-seed.ts";

export interface CardNetwork extends AsyncDisposable {
  /** Base address: "http://127.0.0.1:PORT". */
  readonly url: string;
}

const tables = `
  CREATE TABLE rates (currency TEXT NOT NULL, day TEXT NOT NULL, rate TEXT NOT NULL, PRIMARY KEY (currency, day)) STRICT;
  CREATE TABLE outages (currency TEXT NOT NULL, first_day TEXT NOT NULL, last_day TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
`;

/** Starts the service on a free port; it goes with the desk's process. */
export async function openCardNetwork(): Promise<CardNetwork> {
  const db = new DatabaseSync(":memory:");
  db.exec(tables);
  for (const row of networkRates) db.prepare("INSERT INTO rates VALUES (?, ?, ?)").run(...row);
  for (const row of networkOutages) db.prepare("INSERT INTO outages VALUES (?, ?, ?, ?)").run(...row);
  const server = createServer(({ url = "" }, response) => answer(db, url, response));
  await listening(server);
  // A server that listens on TCP has an address of this kind.
  const { port } = server.address() as AddressInfo;
  // It serves the desk and does not keep it alive.
  server.unref();
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      db.close();
    },
  };
}

function answer(db: DatabaseSync, url: string, response: ServerResponse): void {
  const [, currency = "", day = ""] = /^\/rates\/([A-Z]{3})\/(\d{4}-\d\d-\d\d)$/.exec(url) ?? [];
  const outage = db
    .prepare("SELECT reason FROM outages WHERE currency = ? AND first_day <= ? AND last_day >= ?")
    .get(currency, day, day);
  if (outage !== undefined) return send(response, 503, outage);
  const rate = db.prepare("SELECT currency, day, rate FROM rates WHERE currency = ? AND day = ?").get(currency, day);
  return rate === undefined ? send(response, 404, { reason: "no rate of that day" }) : send(response, 200, rate);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
}
