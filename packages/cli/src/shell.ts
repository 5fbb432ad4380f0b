/**
 * What commands are built with: the process around them, the options that all of them share, and the store that was
 * chosen. Commands that look and steer work on an app opened as a client, so they can be used while workers run, and when
 * none does.
 */
import { userInfo } from "node:os";
import type { App } from "concertato";
import type { Command } from "commander";
import { exitCodes, CliError } from "./cli-error.ts";
import { type StoreChoice, openChosen } from "./find-store.ts";
import type { Display } from "./views/display.ts";

/** What the CLI needs from its process. */
export interface CliWorld {
  readonly display: Display;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly now: () => number;
  /** How the user calls the CLI: "concertato", or through npm from a clone. */
  readonly invokedAs: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Where questions to the person at the terminal are written, and what they type is echoed. */
  readonly prompt: NodeJS.WritableStream;
  /**
   * Aborted at the first SIGINT or SIGTERM after the call; the next one ends the process at once. Before the first call
   * those signals end the process as usual.
   */
  readonly interrupted: () => AbortSignal;
}

/** What a command works with. */
export interface CommandContext {
  readonly app: App;
  readonly display: Display;
  /** Wall clock when the command began, in ms. */
  readonly now: number;
  /** JSON lines instead of words. */
  readonly json: boolean;
  /** A command line of this CLI as the user has to type it here. */
  readonly command: (rest: string) => string;
}

/** The options that every command takes. */
interface SharedOptions {
  readonly store?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

export class Shell {
  readonly world: CliWorld;
  readonly #program: Command;

  constructor(program: Command, world: CliWorld) {
    this.#program = program;
    this.world = world;
  }

  get display(): Display {
    return this.world.display;
  }

  get json(): boolean {
    return this.#shared.json === true;
  }

  /** The file that --store names. */
  get namedStore(): string | undefined {
    return this.#shared.store;
  }

  get storeChoice(): StoreChoice {
    const { directory, environment } = this.world;
    const { store, keyFile } = this.#shared;
    return { store, keyFile, directory, environment };
  }

  get #shared(): SharedOptions {
    return this.#program.opts<SharedOptions>();
  }

  /** A command line as the user has to type it here, on the same store. */
  readonly command = (rest: string): string => {
    const { store, keyFile } = this.#shared;
    const named = [
      ...(store === undefined ? [] : [` --store ${quoted(store)}`]),
      ...(keyFile === undefined ? [] : [` --key-file ${quoted(keyFile)}`]),
    ].join("");
    return `${this.world.invokedAs} ${rest}${named}`;
  };

  /** Works on the chosen store, as a client. @throws CliError when none or several fit */
  async inApp(work: (context: CommandContext) => Promise<void>): Promise<void> {
    await using app = await openChosen(this.storeChoice);
    await work(this.contextOf(app));
  }

  contextOf(app: App): CommandContext {
    return { app, display: this.display, now: this.world.now(), json: this.json, command: this.command };
  }
}

/** As a word of a command line. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Who sits here, as far as the system knows; containers often do not. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "somebody";
  }
}

/** The number of an option that takes a whole one. @throws CliError */
export function wholeNumber(option: string, text: string, from = 1): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isInteger(number) || number < from)
    throw new CliError(exitCodes.usage, `${option} takes a whole number from ${from}, not ${text}.`);
  return number;
}

/** The one of these that was typed. @throws CliError */
export function oneOf<Word extends string>(what: string, words: readonly Word[], text: string): Word {
  const found = words.find((word) => word === text.trim());
  if (found === undefined) throw new CliError(exitCodes.usage, `${what} is one of: ${words.join(", ")}; not ${text}.`);
  return found;
}

/** A JSON value that was typed. @throws CliError */
export function parsedJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const how = `Write strings in quotes, for example '"yes"' or '{"approved":true}'.`;
    throw new CliError(exitCodes.usage, `${what} is not JSON: ${text}. ${how}`);
  }
}

/** Waits, unless it is interrupted before. Answers whether to go on. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve(true);
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
