/** `concertato models`: what agents would think with here, and why; what servers answer, what providers can be named. */
import type { Command } from "commander";
import { modelReport, type ModelReport, type PricedExplanation, type ProviderReport } from "concertato";
import { SilentEnd, exitCodes } from "../cli-error.ts";
import { loadAgents } from "../load-agents.ts";
import { type ModelFlags, modelOptions, withModelOptions } from "../model-options.ts";
import type { Shell } from "../shell.ts";
import type { Display } from "../views/display.ts";
import { plainLine } from "../views/plain-text.ts";
import { fieldLines } from "../views/table.ts";
import { fitted } from "../views/text-width.ts";

export function addModels(program: Command, shell: Shell): void {
  const command = program
    .command("models")
    .argument("[file]", "a file with agents: what each of them would think with")
    .description("tell what agents would think with here, and why");
  withModelOptions(command)
    .addHelpText(
      "after",
      `
Nothing is asked but lists of models, and only of this machine. A key that lies in the environment is named here and never spent
unless a model of its provider is named. Exit code 1 when an agent of the file would have none; without a file, when one that names none would.

Examples:
  concertato models
  concertato models agents.ts
  concertato models --model openai/gpt-5-mini --prices prices.json`,
    )
    .action((file: string | undefined, flags: ModelFlags) => listModels(shell, file, flags));
}

async function listModels({ world, display, json }: Shell, file: string | undefined, flags: ModelFlags): Promise<void> {
  const options = modelOptions(flags, world.directory);
  const loaded = file === undefined ? null : await loadAgents(world.directory, file);
  const agents = loaded?.exported.map(([, agent]) => agent) ?? [];
  const report = await (loaded?.core.modelReport ?? modelReport)(options, agents);
  if (json) display.out(JSON.stringify(report));
  else {
    for (const line of loaded === null ? [] : agentLines(display, report.agents)) display.out(line);
    for (const line of reportLines(display, report, flags.model)) display.out(line);
  }
  if (loaded === null ? report.auto.model === undefined : lacking(report.agents))
    throw new SilentEnd(exitCodes.failure);
}

/** Some agent has none of its models here. */
function lacking(agents: readonly PricedExplanation[]): boolean {
  const names = new Set(agents.map(({ agent }) => agent));
  return [...names].some((name) => agents.every(({ agent, model }) => agent !== name || model === undefined));
}

/** A line or two for each model of each agent; those after the first are asked when it does not answer. */
function agentLines(display: Display, agents: readonly PricedExplanation[]): readonly string[] {
  const { paint, marks } = display;
  if (agents.length === 0) return [paint("quiet", "None of its agents thinks with a model."), ""];
  const lines = agents.flatMap(({ agent, choice, model, why, price }, place) => {
    const isFirst = agents[place - 1]?.agent !== agent;
    const cost = price === null ? "cost unknown" : `$${price.input} in, $${price.output} out`;
    const name = isFirst ? paint("strong", agent) : `  ${paint("quiet", "else")}`;
    if (model === undefined)
      return [`${paint("bad", marks.bad)} ${name}  ${plainLine(choice)}`, `    ${paint("quiet", plainLine(why))}`];
    const facts = `${why}${` ${marks.dot} `}${cost}`;
    return [`${paint("good", marks.done)} ${name}  ${plainLine(model)}`, `    ${paint("quiet", plainLine(facts))}`];
  });
  return [...lines, ""];
}

/** @param named the model of --model */
function reportLines(
  display: Display,
  { auto, servers, providers }: ModelReport,
  named: string | undefined,
): readonly string[] {
  const { paint, marks } = display;
  const { price } = auto;
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
