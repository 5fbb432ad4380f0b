/**
 * Which database the commands work on: --db, else CONCERTATO_DB, else the one under .concertato; and the key to its
 * payloads: --key, else CONCERTATO_KEY_FILE, else payload.key beside the database. A file that is not there is never made.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type App, ConcertatoError, open } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";

export interface StoreChoice {
  /** The --db option. */
  readonly db?: string | undefined;
  /** The --key option. */
  readonly key?: string | undefined;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Opens the database as a client: reads, answers, cancels, runs nothing. @throws CliError when none or several fit */
export async function openChosen(choice: StoreChoice): Promise<App> {
  const named = choice.db ?? choice.environment["CONCERTATO_DB"];
  if (named !== undefined && named !== "") return openNamed(resolve(choice.directory, named), choice);
  const stores = await storesUnder(join(choice.directory, ".concertato"), choice);
  const [only, ...others] = stores;
  if (only === undefined) throw nothingFound(choice.directory);
  if (others.length > 0) throw await tooMany(stores, choice.directory);
  return only.app;
}

interface FoundStore {
  readonly file: string;
  readonly app: App;
}

async function openNamed(file: string, choice: StoreChoice): Promise<App> {
  if (!existsSync(file))
    throw new CliError(exitCodes.failure, `There is no file ${file}. Check --db and CONCERTATO_DB.`);
  return openClient(file, choice);
}

async function storesUnder(folder: string, choice: StoreChoice): Promise<readonly FoundStore[]> {
  const files = databasesUnder(folder);
  const found = await Promise.all(files.map(async (file) => ({ file, app: await openIfStore(file, choice) })));
  return found.flatMap(({ file, app }) => (app === undefined ? [] : [{ file, app }]));
}

function databasesUnder(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".db"))
    .map((name) => join(folder, name))
    .sort();
}

/** Other programs keep databases there too (the desk's bank does); those are passed over. */
async function openIfStore(file: string, choice: StoreChoice): Promise<App | undefined> {
  try {
    return await openClient(file, choice);
  } catch (error) {
    if (ConcertatoError.is(error, "store/not-a-database")) return undefined;
    throw error;
  }
}

function openClient(file: string, choice: StoreChoice): Promise<App> {
  const key = keyFor(file, choice);
  return open(file, { role: "client", ...(key === undefined ? {} : { key }) });
}

function keyFor(file: string, { key, environment, directory }: StoreChoice): Buffer | undefined {
  const named = key ?? environment["CONCERTATO_KEY_FILE"];
  if (named === undefined || named === "") {
    const beside = join(dirname(file), "payload.key");
    return existsSync(beside) ? readFileSync(beside) : undefined;
  }
  const keyFile = resolve(directory, named);
  if (!existsSync(keyFile))
    throw new CliError(exitCodes.failure, `There is no key file ${keyFile}. Check --key and CONCERTATO_KEY_FILE.`);
  return readFileSync(keyFile);
}

function nothingFound(directory: string): CliError {
  const where = `There is no Concertato database under ${join(directory, ".concertato")}.`;
  return new CliError(
    exitCodes.failure,
    `${where} Start something that makes one (npm start), go to its folder, or name one with --db <file>.`,
  );
}

async function tooMany(stores: readonly FoundStore[], directory: string): Promise<CliError> {
  await Promise.all(stores.map(({ app }) => app[Symbol.asyncDispose]()));
  const list = stores.map(({ file }) => `  --db ${relative(directory, file)}`).join("\n");
  return new CliError(exitCodes.usage, `There are ${stores.length} databases here. Say which one:\n${list}`);
}
