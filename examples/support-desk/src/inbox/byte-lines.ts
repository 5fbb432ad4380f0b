/**
 * Lines of a byte stream, one at a time: numbered, with their place in the file, not yet decoded. A line that is longer
 * than the limit is never held whole; its beginning is handed out and marked as cut.
 */

export interface ByteLine {
  /** Without its line end. */
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  /** Of its first byte. */
  readonly offset: number;
  /** Longer than the limit: only the beginning is here. */
  readonly cut: boolean;
}

/** Of a line that is too long, so much is kept to find it again. */
const keptOfCut = 4096;
const newline = 0x0a;

/** @param longest in bytes, line end not counted */
export async function* byteLines(
  chunks: AsyncIterable<Buffer>,
  longest: number,
): AsyncGenerator<ByteLine, void, undefined> {
  let parts: Buffer[] = [];
  let held = 0;
  let number = 1;
  let offset = 0;
  let length = 0;
  const line = (): ByteLine => {
    const cut = length > longest;
    const bytes = withoutReturn(Buffer.concat(parts));
    return { bytes, number, offset, cut };
  };
  const keep = (piece: Buffer): void => {
    length += piece.length;
    const room = (length > longest ? keptOfCut : longest) - held;
    if (length > longest && held > keptOfCut) {
      parts = [Buffer.from(Buffer.concat(parts).subarray(0, keptOfCut))];
      held = keptOfCut;
    } else if (room > 0) {
      parts.push(piece.subarray(0, room));
      held += Math.min(piece.length, room);
    }
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      keep(chunk.subarray(from, end));
      yield line();
      number++;
      offset += length + 1;
      parts = [];
      held = 0;
      length = 0;
      from = end + 1;
    }
    keep(chunk.subarray(from));
  }
  if (length > 0) yield line();
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes;
}
