/** The floor of W6: the loop that a person writes first, with the same model and tool and nothing kept. */
import type { LanguageModelV4Prompt, LanguageModelV4ToolCall } from "@ai-sdk/provider";
import { assertEqual, type Cell } from "../cell.ts";
import { type Payload, stepped } from "../payload.ts";
import { loopingModel } from "../talkative-model.ts";

/** `runs` conversations of so many turns; a unit is a turn. */
export async function toolLoopFloor(options: { readonly turns: number; readonly runs: number }): Promise<Cell> {
  const model = loopingModel(options.turns);
  let checked = 0;
  const once = async (): Promise<void> => {
    const prompt: LanguageModelV4Prompt = [
      { role: "system", content: "Count." },
      { role: "user", content: [{ type: "text", text: "Count, please." }] },
    ];
    for (;;) {
      const { content } = await model.doGenerate({ prompt });
      checked++;
      const call = content.find((part): part is LanguageModelV4ToolCall => part.type === "tool-call");
      if (call === undefined) return;
      const { toolCallId, toolName } = call;
      const input = JSON.parse(call.input) as Payload;
      const value = await Promise.resolve({ ...stepped(input) });
      prompt.push(
        { role: "assistant", content: [{ type: "tool-call", toolCallId, toolName, input }] },
        { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output: { type: "json", value } }] },
      );
    }
  };
  return {
    repeat: async () => {
      const before = checked;
      for (let run = 0; run < options.runs; run++) await once();
      assertEqual(checked - before, options.runs * options.turns, "turns");
      return options.runs * options.turns;
    },
    check: async () => ({ entries: checked }),
  };
}
