/**
 * Conversations as models are given them: the messages of the AI SDK's provider specification, kept as JSON. A file's
 * bytes are base64 text; a large one is stored once by the journal and passed by reference.
 */
import type {
  LanguageModelV4Content,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4TextPart,
  LanguageModelV4ToolCall,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { type History, history } from "../kernel/history.ts";

/** A message of a conversation. */
export type Message = LanguageModelV4Message;

/** A piece of a message from outside: text, or a file (an image, a sound, a document). */
export type MessagePart = LanguageModelV4TextPart | LanguageModelV4FilePart;

type AssistantPart = Extract<Message, { role: "assistant" }>["content"][number];

/** A message from outside. */
export function userMessage(content: string | readonly MessagePart[]): Message {
  return { role: "user", content: typeof content === "string" ? [{ type: "text", text: content }] : [...content] };
}

/** What a model answered, as the next call is given it; metadata goes back to the provider that gave it. */
export function assistantMessage(content: readonly LanguageModelV4Content[]): Message {
  return { role: "assistant", content: content.flatMap(assistantPart) };
}

function assistantPart(part: LanguageModelV4Content): AssistantPart[] {
  const options = part.providerMetadata === undefined ? {} : { providerOptions: part.providerMetadata };
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text, ...options }];
    case "reasoning":
      return [{ type: "reasoning", text: part.text, ...options }];
    case "tool-call":
      return [
        {
          type: "tool-call",
          toolCallId: part.toolCallId,
          toolName: part.toolName,
          input: parsedInput(part),
          ...(part.providerExecuted === undefined ? {} : { providerExecuted: part.providerExecuted }),
          ...options,
        },
      ];
    case "file":
      return [{ type: "file", data: part.data, mediaType: part.mediaType, ...options }];
    case "reasoning-file":
      return [{ type: "reasoning-file", data: part.data, mediaType: part.mediaType, ...options }];
    case "custom":
      return [{ type: "custom", kind: part.kind, ...options }];
    case "tool-result":
      return [
        {
          type: "tool-result",
          toolCallId: part.toolCallId,
          toolName: part.toolName,
          output: { type: part.isError === true ? "error-json" : "json", value: part.result },
          ...options,
        },
      ];
    // What a provider cites or asks about its own tools is for people; it is no part of the conversation.
    case "source":
    case "tool-approval-request":
      return [];
  }
}

/** Arguments that are no JSON go back as the text they were, so that the model sees what it wrote. */
function parsedInput({ input }: LanguageModelV4ToolCall): unknown {
  try {
    return input === "" ? {} : (JSON.parse(input) as unknown);
  } catch {
    return { malformed: input };
  }
}

/** The answers to a model's tool calls. */
export function toolMessage(results: readonly LanguageModelV4ToolResultPart[]): Message {
  return { role: "tool", content: [...results] };
}

/** The text of what a model answered. */
export function textOf(content: readonly LanguageModelV4Content[]): string {
  let text = "";
  for (const part of content) if (part.type === "text") text += part.text;
  return text;
}

const interrupted: LanguageModelV4ToolResultOutput = {
  type: "error-text",
  value: "This call was interrupted; what became of it is not known. Check before you repeat it.",
};

/**
 * A conversation that providers accept. One that was broken off or edited may have tool calls without results, results
 * without calls, empty messages: providers refuse such a conversation for ever. Every call gets a result, directly after
 * it; results of no call, and messages with nothing in them, are left out.
 */
export function healed(messages: readonly Message[]): Message[] {
  const whole: Message[] = [];
  let open = new Map<string, string>();
  const close = () => {
    if (open.size > 0)
      appendResults(
        whole,
        [...open].map(([id, name]) => resultOf(id, name, interrupted)),
      );
    open = new Map();
  };
  for (const message of messages) {
    if (message.role === "tool") {
      const answers = message.content.filter((part) => part.type === "tool-result" && open.delete(part.toolCallId));
      if (answers.length === 0) continue;
      // One that is as it should be stays the object it is.
      if (answers.length === message.content.length && whole.at(-1)?.role !== "tool") whole.push(message);
      else appendResults(whole, answers as LanguageModelV4ToolResultPart[]);
      continue;
    }
    close();
    if (message.content.length === 0) continue;
    whole.push(message);
    if (message.role === "assistant") open = callsOf(message);
  }
  close();
  return whole;
}

/** Conversations that are known to be whole, so that a turn does not look through all that came before it. */
const known = new WeakSet<History<Message>>();

/** A conversation that a model can be given: one that came from elsewhere (a fork's edited state) is mended first. */
export function sound(messages: History<Message>): History<Message> {
  if (known.has(messages)) return messages;
  const given = messages.toJSON();
  const whole = healed(given);
  const same = whole.length === given.length && whole.every((message, index) => message === given[index]);
  return keptSound(same ? messages : history(whole));
}

/** Notes that a conversation is whole: every call in it has its result. */
export function keptSound(messages: History<Message>): History<Message> {
  known.add(messages);
  return messages;
}

/** Calls that wait for a result from us, by id. */
function callsOf(message: Extract<Message, { role: "assistant" }>): Map<string, string> {
  const calls = new Map<string, string>();
  for (const part of message.content) {
    if (part.type === "tool-call" && part.providerExecuted !== true) calls.set(part.toolCallId, part.toolName);
    if (part.type === "tool-result") calls.delete(part.toolCallId);
  }
  return calls;
}

/** Results of one turn stand in one message. */
function appendResults(messages: Message[], results: readonly LanguageModelV4ToolResultPart[]): void {
  const last = messages.at(-1);
  if (last?.role === "tool") messages[messages.length - 1] = { ...last, content: [...last.content, ...results] };
  else messages.push(toolMessage(results));
}

/** The answer to one tool call. */
export function resultOf(
  toolCallId: string,
  toolName: string,
  output: LanguageModelV4ToolResultOutput,
): LanguageModelV4ToolResultPart {
  return { type: "tool-result", toolCallId, toolName, output };
}
