/** Runs a command of the system in a process group of its own, so that Ctrl-C in a terminal does not cut it short. */
import { spawn } from "node:child_process";

/** @throws Error with what the command printed, when it cannot be run or fails */
export async function command(name: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(name, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  child.stderr.on("data", (piece: Buffer) => (printed += String(piece)));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (why: string): void => reject(new Error(`${name} ${args.join(" ")}: ${why}. ${printed.trim()}`));
  child.on("error", (error) => failed(String(error)));
  child.on("close", (code, signal) => (code === 0 ? resolve() : failed(`ended with ${signal ?? `code ${code}`}`)));
  await promise;
}
