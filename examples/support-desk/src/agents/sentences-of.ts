/** The sentences of a message, so that each can be asked for its own meaning. Of a huge one only the first count. */
const most = 12;

export function sentencesOf(body: string): readonly string[] {
  return body
    .slice(0, 4000)
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length > 12)
    .slice(0, most);
}
