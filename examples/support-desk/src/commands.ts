/** The commands that the desk tells people to type, as short as they can be said from where they are. */
import { relative } from "node:path";
import { dataFolder } from "./data-folder.ts";
import { type DeskOptions, parseOptions } from "./options.ts";

/** The CLI takes the end of an id: its last letters are random, its first tell the time. */
const shortId = 8;

/** The command that answers from another terminal; it names the database when that is not where the CLI looks. */
export function commandFor(verb: string, runId: string, { data }: DeskOptions): string {
  const near = relative(process.cwd(), data);
  const elsewhere = near.startsWith(".concertato") ? "" : ` --db ${nearPath(dataFolder(data).desk)}`;
  return `npm run concertato -- ${verb} ${runId.slice(-shortId)}${elsewhere}`;
}

/** The command that takes this folder up again. */
export function again({ data, inbox }: DeskOptions): string {
  const usual = parseOptions([], process.cwd());
  if (usual.kind !== "run") return "npm start";
  const parts = [
    ...(data === usual.options.data ? [] : ["--data", nearPath(data)]),
    ...(inbox === usual.options.inbox ? [] : ["--inbox", nearPath(inbox)]),
  ];
  return parts.length === 0 ? "npm start" : `npm start -- ${parts.join(" ")}`;
}

/** A path as short as it can be said from here. */
export function nearPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}
