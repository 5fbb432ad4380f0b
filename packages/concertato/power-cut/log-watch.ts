/**
 * Watches a store's log from outside, by the headers that SQLite keeps in its files (fileformat2.html, walformat.html):
 * the moments around a checkpoint are short, and cuts should meet them.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

export interface LogState {
  /** Frames in the log since it last began anew. */
  readonly frames: number;
  /** A checkpoint is copying frames into the database file, and has not recorded the end of it. */
  readonly copying: boolean;
  /** How often the log began anew. */
  readonly restarts: number;
}

const quiet: LogState = { frames: 0, copying: false, restarts: 0 };

/** Offsets in the index of the log (`-shm`), in the machine's own byte order. */
const index = { frames: 16, copied: 96, attempted: 128, length: 132 } as const;

/** Offset in the header of the log (`-wal`), big-endian. */
const sequence = { offset: 12, length: 16 } as const;

export class LogWatch {
  readonly #database: string;

  constructor(database: string) {
    this.#database = database;
  }

  state(): LogState {
    const shared = head(`${this.#database}-shm`, index.length);
    const log = head(`${this.#database}-wal`, sequence.length);
    if (shared === null || log === null) return quiet;
    return {
      frames: native(shared, index.frames),
      copying: native(shared, index.attempted) > native(shared, index.copied),
      restarts: log.readUInt32BE(sequence.offset),
    };
  }
}

function native(bytes: Buffer, offset: number): number {
  return endianness() === "LE" ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
}

/** The first bytes of a file; null when there are not so many. */
function head(file: string, length: number): Buffer | null {
  const bytes = Buffer.alloc(length);
  try {
    const fd = openSync(file, "r");
    try {
      return readSync(fd, bytes, 0, length, 0) === length ? bytes : null;
    } finally {
      closeSync(fd);
    }
  } catch {
    // There is no log before the first commit and after a close.
    return null;
  }
}
