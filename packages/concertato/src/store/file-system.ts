/**
 * On what kind of file system a store would lie. SQLite's locks and the memory that its processes share do not work over a
 * network: two machines would both believe that they are the owner, and the file would be damaged without a word.
 * Only Linux tells; elsewhere everything is taken to be local.
 */
import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConcertatoError } from "../kernel/errors.ts";

/** Answers the number by which Linux tells file systems apart, for a folder. */
export type FileSystemType = (folder: string) => number;

/** From `linux/magic.h` and the sources of the file systems. */
const network: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x564c, "NCP"],
]);

/** May be a disk of this machine or not, which Linux does not say. */
const uncertain: ReadonlyMap<number, string> = new Map([
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
]);

/**
 * @param warn told where it cannot be known whether the disk is local
 * @throws ConcertatoError `store/network-disk`
 */
export function assertLocalDisk(
  file: string,
  warn: (error: ConcertatoError) => void,
  typeOf: FileSystemType = linuxType,
): void {
  const type = typeOf(dirname(resolve(file)));
  const certain = network.get(type);
  if (certain !== undefined) throw networkDisk(file, `lies on a network file system (${certain})`);
  const perhaps = uncertain.get(type);
  if (perhaps !== undefined) warn(networkDisk(file, `may lie on a network file system (${perhaps})`));
}

function linuxType(folder: string): number {
  if (process.platform !== "linux") return 0;
  try {
    return statfsSync(folder).type;
  } catch {
    // A folder that is not there: opening says so better.
    return 0;
  }
}

function networkDisk(file: string, what: string): ConcertatoError {
  return new ConcertatoError({
    code: "store/network-disk",
    message: `The file ${file} ${what}, where locks do not hold and processes would damage it. Put it on a local disk.`,
    details: { file },
  });
}
