/**
 * Which store the commands work on: --store, else CONCERTATO_STORE, else the one under .concertato; and the key to its
 * payloads: --key-file, else CONCERTATO_KEY_FILE, else payload.key beside the file. Only `start`, `work` and `run --store`
 * make a file that is not there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type App, ConcertatoError, open } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";

export interface StoreChoice {
  /** The --store option. */
  readonly store?: string | undefined;
  /** The --key-file option. */
  readonly keyFile?: string | undefined;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Opens the store as a client: reads, answers, cancels, runs nothing. @throws CliError when none or several fit */
export async function openChosen(choice: StoreChoice): Promise<App> {
  const named = namedFile(choice);
  if (named !== undefined) return openNamed(named, choice);
  const stores = await storesUnder(join(choice.directory, ".concertato"), choice);
  const [only, ...others] = stores;
  if (only === undefined) throw nothingFound(choice.directory);
  if (others.length > 0) throw await tooMany(stores, choice.directory);
  return only.app;
}

/** A store to work in, and the key to its payloads. */
export interface WorkStore {
  readonly file: string;
  readonly key: Buffer | undefined;
}

/**
 * The file to start runs in and to work on: the one that is named or there, else `.concertato/concertato.db`, whose
 * folder is made. @throws CliError when several are there and none is named
 */
export async function workStore(choice: StoreChoice): Promise<WorkStore> {
  const file = namedFile(choice) ?? (await onlyFile(choice)) ?? join(choice.directory, ".concertato", "concertato.db");
  mkdirSync(dirname(file), { recursive: true });
  return { file, key: keyFor(file, choice) };
}

/** The file that commands would work on; undefined when there is none, or several. */
export async function chosenFile(choice: StoreChoice): Promise<string | undefined> {
  try {
    return namedFile(choice) ?? (await onlyFile(choice));
  } catch {
    return undefined;
  }
}

async function onlyFile(choice: StoreChoice): Promise<string | undefined> {
  const stores = await storesUnder(join(choice.directory, ".concertato"), choice);
  if (stores.length > 1) throw await tooMany(stores, choice.directory);
  await stores[0]?.app.close();
  return stores[0]?.file;
}

function namedFile({ store, environment, directory }: StoreChoice): string | undefined {
  const named = store ?? (environment["CONCERTATO_STORE"] || environment["CONCERTATO_DB"]);
  return named === undefined || named === "" ? undefined : resolve(directory, named);
}

interface FoundStore {
  readonly file: string;
  readonly app: App;
}

async function openNamed(file: string, choice: StoreChoice): Promise<App> {
  if (!existsSync(file))
    throw new CliError(exitCodes.failure, `There is no file ${file}. Check --store and CONCERTATO_STORE.`);
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

function keyFor(file: string, { keyFile: typed, environment, directory }: StoreChoice): Buffer | undefined {
  const named = typed ?? environment["CONCERTATO_KEY_FILE"];
  if (named === undefined || named === "") {
    const beside = join(dirname(file), "payload.key");
    return existsSync(beside) ? readFileSync(beside) : undefined;
  }
  const keyFile = resolve(directory, named);
  if (!existsSync(keyFile))
    throw new CliError(exitCodes.failure, `There is no key file ${keyFile}. Check --key-file and CONCERTATO_KEY_FILE.`);
  return readFileSync(keyFile);
}

function nothingFound(directory: string): CliError {
  const where = `There is no Concertato store under ${join(directory, ".concertato")}.`;
  return new CliError(
    exitCodes.failure,
    `${where} Start a run (concertato start), go to the folder of one, or name its file with --store <file>.`,
  );
}

async function tooMany(stores: readonly FoundStore[], directory: string): Promise<CliError> {
  await Promise.all(stores.map(({ app }) => app[Symbol.asyncDispose]()));
  const list = stores.map(({ file }) => `  --store ${relative(directory, file)}`).join("\n");
  return new CliError(exitCodes.usage, `There are ${stores.length} stores here. Say which one:\n${list}`);
}
