/**
 * `npm start`: the support desk on the command line. The first line appears before anything is loaded; the rest is in
 * run-desk.ts. Exit codes: 0 done or waiting for a person, 1 something failed, 2 wrong options; with --exit, 3 when a
 * person is asked.
 */
import { again, commandFor, nearPath } from "./commands.ts";
import { dataFolder } from "./data-folder.ts";
import { type DeskOptions, helpText, parseOptions, standardInput } from "./options.ts";
import { openTerminal, silent, type Terminal } from "./views/terminal.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, process.cwd());
  const terminal = openTerminal({ asciiOnly: args.includes("--ascii") });
  switch (parsed.kind) {
    case "help":
      terminal.line(helpText);
      return 0;
    case "wrong":
      console.error(`${parsed.reason}\n\n${helpText}`);
      return 2;
    case "run": {
      const { json, quiet, plain } = parsed.options;
      const typedIn = parsed.options.inbox === standardInput;
      if (terminal.interactive && !json && !quiet && !plain && !typedIn) return sitAtIt(args, parsed.options);
      const live = json || quiet ? silent(terminal) : terminal;
      live.line(
        `\n  ${terminal.paint("strong", "Larkfield support desk")} ${terminal.paint("quiet", `${terminal.marks.dot} a team of agents answers an inbox`)}`,
      );
      return work(parsed.options, live, json ? silent(terminal) : terminal);
    }
  }
}

/** At a terminal: panes over a worker process, and the summary when they close. */
async function sitAtIt(args: readonly string[], options: DeskOptions): Promise<number> {
  const terminal = openTerminal({ asciiOnly: options.ascii });
  const { watch } = await import("./cockpit/cockpit.ts");
  const { code, rested, errors } = await watch(args, terminal, options.exit);
  if (rested === undefined) {
    terminal.line(code === 0 ? `  Left while it worked. It goes on with: ${again(options)}` : "");
    if (code !== 0) console.error(errors.trim());
    return code;
  }
  const { summary, files } = rested;
  const { printEnd } = await import("./views/end.ts");
  const { mails } = dataFolder(options.data);
  const command = (verb: string, runId: string): string => commandFor(verb, runId, options);
  printEnd(terminal, summary, { files, mails, command, again: again(options), near: nearPath });
  if (summary.status === "failed") return 1;
  return summary.totals.waiting > 0 && options.exit ? 3 : 0;
}

async function work(
  options: Parameters<typeof import("./run-desk.ts").runDesk>[0],
  live: Terminal,
  closing: Terminal,
): Promise<number> {
  const { runDesk } = await import("./run-desk.ts");
  const write = (value: object): void => void (options.json && process.stdout.write(`${JSON.stringify(value)}\n`));
  try {
    const end = await runDesk(options, {
      terminal: live,
      closing,
      tell: ({ agent, text }, { id }) => write({ type: "did", message: id, agent, text }),
      end: (summary) => write({ type: "summary", ...summary }),
    });
    if (end === "failed") return 1;
    return end === "waiting" && options.exit ? 3 : 0;
  } catch (error) {
    console.error(
      `\n  ${closing.paint("bad", closing.marks.bad)} ${error instanceof Error ? error.message : String(error)}`,
    );
    return 1;
  }
}
