/** What a machine needs so that its power can be cut without cutting it. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { systemFolders } from "./command.ts";

/** Names of commands, each with the Debian package that has it. */
const commands = {
  "mkfs.xfs": "xfsprogs",
  "mkfs.ext4": "e2fsprogs",
  mount: "mount",
  umount: "mount",
  cp: "coreutils",
  mkfifo: "coreutils",
} as const;

/** Why it cannot be done here; null when it can. */
export function missing(): string | null {
  if (process.platform !== "linux") return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "needs root, to mount images";
  if (!existsSync("/dev/loop-control")) return "needs loop devices, and /dev/loop-control is absent";
  const absent = Object.entries(commands).filter(([name]) => !onPath(name));
  if (absent.length === 0) return null;
  const packages = [...new Set(absent.map(([, from]) => from))].join(", ");
  return `needs ${absent.map(([name]) => name).join(", ")} (Debian: ${packages})`;
}

function onPath(name: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return [...folders, ...systemFolders].some((folder) => existsSync(join(folder, name)));
}
