/** Where the time of a stretch of work went: self time by function, sampled by the runtime's own profiler. */
import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";

export interface HotFunction {
  /** "#append store/sqlite-writer.ts:108" */
  readonly name: string;
  readonly selfMs: number;
  readonly share: number;
}

const sampleEveryUs = 100;
const listed = 40;

export async function profiled(work: () => Promise<void>): Promise<readonly HotFunction[]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: sampleEveryUs });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return hottest(profile);
}

function hottest(profile: Profiler.Profile): readonly HotFunction[] {
  const nameOf = new Map(profile.nodes.map((node) => [node.id, label(node.callFrame)]));
  const selfUs = new Map<string, number>();
  profile.samples?.forEach((id, index) => {
    const name = nameOf.get(id) ?? "?";
    selfUs.set(name, (selfUs.get(name) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  });
  let total = 0;
  for (const us of selfUs.values()) total += us;
  return [...selfUs]
    .map(([name, us]) => ({ name, selfMs: us / 1000, share: us / total }))
    .toSorted((a, b) => b.selfMs - a.selfMs)
    .slice(0, listed);
}

function label(frame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }): string {
  const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
  if (frame.url === "") return name;
  const file = frame.url.split("/").slice(-2).join("/");
  return `${name} ${file}:${frame.lineNumber + 1}`;
}
