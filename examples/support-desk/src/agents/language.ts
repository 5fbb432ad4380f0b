/** Whether a text is in another language than English, by the small words that every sentence needs. */
const english = /\b(?:the|and|my|is|to|of|it|in|was|you|for|have|not|that|this|with)\b/gi;
const others =
  /\b(?:der|die|das|und|ich|nicht|ist|meine?|bitte|noch|wo|sie|je|vous|pour|ma|une?|dans|est|pas|ne|el|que|por|los|una|mi|lo|han|del|il|che|per|sono|ho)\b/gi;

export function isForeign(text: string): boolean {
  const foreign = text.match(others)?.length ?? 0;
  return foreign >= 3 && foreign > (text.match(english)?.length ?? 0);
}
