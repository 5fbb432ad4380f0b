/** The options of commands that think: which model `auto` means, and what tokens cost. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { PriceBook } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";

export interface ModelFlags {
  readonly model?: string;
  readonly prices?: string;
}

/** Adds --model and --prices to a command. */
export function withModelOptions(command: Command): Command {
  return command
    .option(
      "--model <name>",
      "what agents think with that name no model: openai/…, ollama/…, http://HOST:PORT/v1#MODEL",
    )
    .option("--prices <file>", "US dollars for a million tokens, by model, as JSON (without: the cost is unknown)");
}

/** The same as `open()` takes it. @throws CliError for prices that are none */
export function modelOptions(
  { model, prices }: ModelFlags,
  directory: string,
): { readonly model?: string; readonly prices?: PriceBook } {
  return {
    ...(model === undefined ? {} : { model }),
    ...(prices === undefined ? {} : { prices: priceBookIn(resolve(directory, prices)) }),
  };
}

function priceBookIn(file: string): PriceBook {
  const how = `Write {"provider/model": {"input": 1.25, "output": 10}}.`;
  let book: unknown;
  try {
    book = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CliError(exitCodes.usage, `The prices in ${file} cannot be read: ${(error as Error).message}. ${how}`);
  }
  if (isPriceBook(book)) return book;
  throw new CliError(exitCodes.usage, `${file} holds no prices. ${how}`);
}

function isPriceBook(value: unknown): value is PriceBook {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((price: unknown) => {
    const { input, output, cachedInput = 0 } = (price ?? {}) as Readonly<Record<string, unknown>>;
    return [input, output, cachedInput].every((each) => typeof each === "number" && each >= 0);
  });
}

/** The same as words of a command line, for a hint. */
export function modelWords({ model, prices }: ModelFlags): string {
  return `${model === undefined ? "" : ` --model ${model}`}${prices === undefined ? "" : ` --prices ${prices}`}`;
}
