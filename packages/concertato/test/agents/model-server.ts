/** A server that speaks OpenAI's chat protocol over real HTTP, and says what a test wrote down. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One answer of the server: writes the whole response. */
export type Serve = (response: ServerResponse, asked: ChatRequest) => void | Promise<void>;

/** What arrived. */
export interface ChatRequest {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content: unknown; readonly tool_calls?: unknown }[];
  readonly tools?: readonly unknown[];
  readonly response_format?: { readonly type: string };
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly ChatRequest[];
}

const usage = { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 };

/** Serves these answers in order, and a 500 after the last. */
export async function modelServer(...answers: readonly Serve[]): Promise<ModelServer> {
  const asked: ChatRequest[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then(async (text) => {
      if (request.url?.endsWith("/models") === true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ data: [{ id: "nomic-embed-text" }, { id: "tiny" }] }));
        return;
      }
      const answer = answers[asked.length];
      asked.push(JSON.parse(text) as ChatRequest);
      const last = asked.at(-1);
      if (answer === undefined || last === undefined) response.writeHead(500).end("no more answers");
      else await answer(response, last);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** A message, streamed when that is asked for. */
export function says(message: {
  readonly content?: string;
  readonly tool?: readonly [name: string, args: unknown];
}): Serve {
  return (response, { stream }) => {
    const tool = message.tool;
    const calls =
      tool === undefined
        ? undefined
        : [{ index: 0, id: "c1", type: "function", function: { name: tool[0], arguments: JSON.stringify(tool[1]) } }];
    const finish = calls === undefined ? "stop" : "tool_calls";
    if (stream !== true) {
      response.setHeader("content-type", "application/json");
      const body = {
        role: "assistant",
        content: message.content ?? null,
        ...(calls === undefined ? {} : { tool_calls: calls }),
      };
      return void response.end(
        JSON.stringify({
          id: "1",
          model: "tiny",
          choices: [{ index: 0, message: body, finish_reason: finish }],
          usage,
        }),
      );
    }
    response.setHeader("content-type", "text/event-stream");
    const deltas = (message.content ?? "").match(/\S+\s*/g) ?? [];
    for (const content of deltas) event(response, { delta: { role: "assistant", content } });
    if (calls !== undefined) event(response, { delta: { role: "assistant", tool_calls: calls } });
    event(response, { delta: {}, finish_reason: finish });
    response.write(`data: ${JSON.stringify({ id: "1", choices: [], usage })}\n\n`);
    response.end("data: [DONE]\n\n");
  };
}

/** Some words of a stream, and then nothing: the connection is cut. */
export function breaksOff(words: readonly string[]): Serve {
  return async (response) => {
    response.setHeader("content-type", "text/event-stream");
    for (const content of words) event(response, { delta: { role: "assistant", content } });
    await new Promise<void>((resolve) => void response.write(": flushed\n\n", () => resolve()));
    response.destroy();
  };
}

/** A refusal with a status. */
export function refuses(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Serve {
  return (response) => void response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

/** Something that is no answer of this protocol, reported as a success. */
export function garbage(): Serve {
  return (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>It works!</html>");
}

function event(response: ServerResponse, choice: Readonly<Record<string, unknown>>): void {
  response.write(`data: ${JSON.stringify({ id: "1", model: "tiny", choices: [{ index: 0, ...choice }] })}\n\n`);
}
