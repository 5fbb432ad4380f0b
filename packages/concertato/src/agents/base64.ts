/** Bytes as text, for values that a journal keeps. */

/** Most arguments of one call; longer byte strings go through in pieces. */
const piece = 8_192;

/** Base64 (RFC 4648) of bytes. */
export function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let index = 0; index < bytes.length; index += piece) {
    binary += String.fromCharCode(...bytes.subarray(index, index + piece));
  }
  return btoa(binary);
}
