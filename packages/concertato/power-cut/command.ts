/** Runs a command of the system in a process group of its own, so that Ctrl-C in a terminal does not cut it short. */
import { spawn } from "node:child_process";
import { delimiter } from "node:path";

/** Where a system's own commands may lie without being on the path of whoever calls them. */
export const systemFolders: readonly string[] = ["/usr/sbin", "/sbin"];

/** @throws Error with what the command printed, when it cannot be run or fails */
export async function command(name: string, ...args: readonly string[]): Promise<void> {
  const path = [process.env["PATH"] ?? "", ...systemFolders].join(delimiter);
  const env = { ...process.env, PATH: path };
  const child = spawn(name, args, { detached: true, stdio: ["ignore", "ignore", "pipe"], env });
  let printed = "";
  child.stderr.on("data", (piece: Buffer) => (printed += String(piece)));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (why: string): void => reject(new Error(`${name} ${args.join(" ")}: ${why}. ${printed.trim()}`));
  child.on("error", (error) => failed(String(error)));
  child.on("close", (code, signal) => (code === 0 ? resolve() : failed(`ended with ${signal ?? `code ${code}`}`)));
  await promise;
}
