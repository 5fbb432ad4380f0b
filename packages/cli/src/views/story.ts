/**
 * A run as it happens, on standard error: who speaks and what they say while they say it, which tools were used with what,
 * who is asked, what failed. The output is no part of it.
 */
import type { Entry, Saying } from "concertato";
import type { Display, Tone } from "./display.ts";
import { plainLine, plainText } from "./plain-text.ts";
import { fitted, widthOf } from "./text-width.ts";
import { durationWords, usageWords, valueWords } from "./words.ts";

export class Story {
  readonly #display: Display;
  readonly #show: boolean;
  /** Whose words stand on the last line, without its end. */
  #speaker: string | null = null;
  #said = "";

  /** @param show false: nothing is shown, and what was said is kept all the same */
  constructor(display: Display, show: boolean) {
    this.#display = display;
    this.#show = show;
  }

  /** The words of the last answer, as far as it came. */
  get said(): string {
    return this.#said;
  }

  /** A line of its own. */
  line(text = ""): void {
    if (!this.#show) return;
    this.#endLine();
    this.#display.error(text);
  }

  /** Words as they come. */
  say({ agent, path, attempt, text, kind, at }: Saying): void {
    const { paint, marks, piece } = this.#display;
    const speaker = `${path} ${attempt} ${kind}`;
    if (this.#speaker !== speaker) {
      const again = attempt > 1 && at === 0 ? ` ${paint("quiet", `attempt ${attempt}`)}` : "";
      this.line(`${paint("accent", marks.work)} ${paint("strong", nameOf(agent))}${again}`);
      if (kind === "text") this.#said = "";
    }
    this.#speaker = speaker;
    if (kind === "text") this.#said += text;
    if (this.#show) piece("error", kind === "text" ? plainText(text) : paint("quiet", plainText(text)));
  }

  /** What an entry tells, where it tells something to a person who watches. */
  entry(entry: Entry, path: string, agent: string | undefined): void {
    const { marks } = this.#display;
    const { kind, name, meta } = entry;
    const whose = `${nameOf(agent ?? "")} `;
    if (kind === "result" && meta.verb !== "log" && name !== "") {
      const isThought = meta.verb === "step" && name === "model";
      const mark = meta.failed === true ? marks.bad : marks.done;
      const tone = meta.failed === true ? "bad" : "good";
      if (isThought && meta.failed !== true) this.#fact(entry, "quiet", marks.dot, "model");
      else this.#fact(entry, tone, mark, name);
    }
    if (kind === "attempt-failed") this.#fact(entry, "bad", marks.bad, `${name}, attempt ${meta.attempt ?? 1}`);
    if (kind === "signal-refused") this.#fact(entry, "bad", marks.bad, `${name} does not take`);
    if (kind === "scope-started")
      this.line(this.#display.paint("quiet", `${marks.arrow} ${whose}hands over to ${nameOf(meta.agent ?? name)}`));
    if (kind === "at-risk") this.line(this.#display.paint("wait", `${marks.wait} The deadline of ${path} is at risk.`));
  }

  #fact(entry: Entry, tone: Tone, mark: string, what: string): void {
    const { paint, marks, width } = this.#display;
    const used = entry.meta.usage === undefined ? "" : usageWords(entry.meta.usage);
    const took = entry.meta.took === undefined || entry.meta.took < 1 ? "" : durationWords(entry.meta.took);
    const facts = [took, used].filter((each) => each !== "").join(` ${marks.dot} `);
    const room = width - widthOf(what) - widthOf(facts) - 8;
    const value = entry.name === "model" && entry.meta.failed !== true ? "" : valueIn(entry, room, this.#display);
    this.line(
      `  ${paint(tone, `${mark} ${what}`)}${value === "" ? "" : `  ${value}`}${facts === "" ? "" : `  ${paint("quiet", facts)}`}`,
    );
  }

  #endLine(): void {
    if (this.#speaker !== null) this.#display.error();
    this.#speaker = null;
  }
}

function valueIn({ body, input, meta, kind }: Entry, columns: number, { marks, paint }: Display): string {
  const { message } = (typeof body === "object" && body !== null ? body : {}) as { readonly message?: unknown };
  if ((meta.failed === true || kind === "attempt-failed") && typeof message === "string")
    return fitted(plainLine(message), columns, marks.ellipsis);
  if (columns < 16) return "";
  if (input === undefined) return valueWords(body, columns, marks);
  const half = Math.floor((columns - 4) / 2);
  const before = valueWords(input, half, marks);
  return `${paint("quiet", before)} ${marks.arrow} ${valueWords(body, columns - 4 - widthOf(before), marks)}`;
}

function nameOf(agent: string): string {
  return agent.split("@")[0] ?? agent;
}
