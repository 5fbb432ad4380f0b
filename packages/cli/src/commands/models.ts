/** `concertato models`: what agents would think with here, and why; what servers answer, what providers can be named. */
import type { Command } from "commander";
import { modelReport, type ModelReport, type ProviderReport } from "concertato";
import { SilentEnd, exitCodes } from "../cli-error.ts";
import { type ModelFlags, modelOptions, withModelOptions } from "../model-options.ts";
import type { Shell } from "../shell.ts";
import type { Display } from "../views/display.ts";
import { plainLine } from "../views/plain-text.ts";
import { fieldLines } from "../views/table.ts";
import { fitted } from "../views/text-width.ts";

export function addModels(program: Command, shell: Shell): void {
  const command = program.command("models").description("tell what agents would think with here, and why");
  withModelOptions(command)
    .addHelpText(
      "after",
      `
Nothing is asked but lists of models, and only of this machine. A key that lies in the environment is named here and never spent
unless a model of its provider is named. Exit code 1 when an agent that names no model would have none.

Examples:
  concertato models
  concertato models --model openai/gpt-5-mini --prices prices.json`,
    )
    .action((flags: ModelFlags) => listModels(shell, flags));
}

async function listModels({ world, display, json }: Shell, flags: ModelFlags): Promise<void> {
  const report = await modelReport(modelOptions(flags, world.directory));
  if (json) display.out(JSON.stringify(report));
  else for (const line of reportLines(display, report, flags.model)) display.out(line);
  if (report.auto.model === undefined) throw new SilentEnd(exitCodes.failure);
}

/** @param named the model of --model */
function reportLines(
  display: Display,
  { auto, price, servers, providers }: ModelReport,
  named: string | undefined,
): readonly string[] {
  const { paint, marks } = display;
  const cost =
    price === null
      ? paint("wait", "unknown; give a price book with --prices FILE")
      : `$${price.input} for a million tokens in, $${price.output} out`;
  const head =
    auto.model === undefined
      ? [
          `${paint("bad", `${marks.bad} An agent that names no model has none.`)}`,
          `  ${plainLine(auto.choice === "auto" && named === undefined ? remedies : auto.why)}`,
        ]
      : [
          `${paint("good", marks.done)} An agent that names no model thinks with ${paint("strong", plainLine(auto.model))}`,
          ...fieldLines(display, [["why", auto.why] as const, ["cost", cost] as const], "  "),
        ];
  return [
    ...head,
    "",
    paint("strong", "On this machine"),
    ...(servers.length === 0
      ? [`  ${paint("quiet", "no model server answers (Ollama, LM Studio, llama.cpp, vLLM at their usual ports)")}`]
      : servers.flatMap(({ url, models }) => serverLines(display, url, models))),
    "",
    paint("strong", "By name"),
    ...fieldLines(
      display,
      [...providers.map((provider) => [`${provider.name}/MODEL`, readiness(display, provider)] as const), anyServer],
      "  ",
    ),
  ];
}

const remedies = "Name one with --model, start a model server on this machine, or give agents one in their code.";

const anyServer = ["http://HOST:PORT/v1#MODEL", "any OpenAI-compatible server"] as const;

/** Models that are shown of one server. */
const shownModels = 12;

function serverLines({ paint, marks, width }: Display, url: string, models: readonly string[]): readonly string[] {
  const shown = models
    .slice(0, shownModels)
    .map((id) => `    ${fitted(plainLine(`${url}#${id}`), width - 4, marks.ellipsis)}`);
  const more = models.length > shownModels ? [`    ${paint("quiet", `and ${models.length - shownModels} more`)}`] : [];
  const none = models.length === 0 ? [`    ${paint("wait", "has no model that can answer; load one")}`] : [];
  return [`  ${paint("good", marks.done)} ${url}`, ...shown, ...more, ...none];
}

function readiness({ paint }: Display, { installed, package: name, key, keySet }: ProviderReport): string {
  const missing = [...(installed ? [] : [name]), ...(key === null || keySet ? [] : [key])].join(" and ");
  const lies = keySet ? `\n${paint("quiet", `${key} is set; it is spent only when such a model is named`)}` : "";
  return `${missing === "" ? paint("good", "ready") : paint("quiet", `needs ${missing}`)}${lies}`;
}
