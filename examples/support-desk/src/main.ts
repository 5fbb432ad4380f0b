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
      const panes = terminal.interactive && !json && !quiet && !plain && !typedIn && parsed.options.chaos === undefined;
      if (panes) return sitAtIt(args, parsed.options);
      const live = json || quiet ? silent(terminal) : terminal;
      live.line(
        `\n  ${terminal.paint("strong", "Larkfield support desk")} ${terminal.paint("quiet", `${terminal.marks.dot} a team of agents answers an inbox`)}`,
      );
      const closing = json ? silent(terminal) : terminal;
      return parsed.options.chaos === undefined
        ? work(parsed.options, live, closing)
        : chaos(parsed.options, parsed.options.chaos, closing);
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
    if (code !== 0) console.error(`  ${terminal.paint("bad", terminal.marks.bad)} ${errors.trim()}`);
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

async function chaos(options: DeskOptions, kills: number, terminal: Terminal): Promise<number> {
  const { runChaos } = await import("./chaos/chaos.ts");
  const tell = (event: object): void => void (options.json && process.stdout.write(`${JSON.stringify(event)}\n`));
  return guarded(terminal, async () => ((await runChaos(options, kills, { terminal, tell })) ? 0 : 1));
}

/** The exit code of some work; a fault is said in one line. */
async function guarded(terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    console.error(
      `\n  ${terminal.paint("bad", terminal.marks.bad)} ${error instanceof Error ? error.message : String(error)}`,
    );
    return 1;
  }
}

async function work(options: DeskOptions, live: Terminal, closing: Terminal): Promise<number> {
  const { runDesk } = await import("./run-desk.ts");
  const write = (value: object): void => void (options.json && process.stdout.write(`${JSON.stringify(value)}\n`));
  return guarded(closing, async () => {
    const end = await runDesk(options, {
      terminal: live,
      closing,
      tell: ({ agent, text }, { id }) => write({ type: "did", message: id, agent, text }),
      end: (summary) => write({ type: "summary", ...summary }),
    });
    if (end === "failed") return 1;
    return end === "waiting" && options.exit ? 3 : 0;
  });
}
