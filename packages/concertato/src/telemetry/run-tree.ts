/** A fold: the tree of a run's scopes and operations, with inputs, outputs and waits, from its journal alone. */
import type { FailureRecord } from "../kernel/errors.ts";
import type { Effect, Entry, Limits, Slice, StopReport, Usage } from "../journal/entry.ts";
import { raisedBy } from "../journal/limits.ts";
import { Spent } from "../journal/usage.ts";

/** What an operation is doing, or how it ended. */
export type NodeStatus = "running" | "waiting" | "in-doubt" | "completed" | "failed" | "cancelled" | "stopped";

/** A question or deadline that an operation waits for. */
export interface NodeWait {
  readonly waitId: string;
  readonly name: string;
  readonly since: number;
  readonly until?: number;
}

/** A budget as the journal has it. */
export interface NodeBudget {
  /** With what was raised since. */
  readonly limits: Limits;
  /** It is used up, and a person is asked to raise it. */
  readonly asked?: { readonly waitId: string; readonly since: number; readonly report: StopReport };
  /** Since when its deadline is at risk. */
  readonly atRisk?: number;
  /** The part of it that another run lent. */
  readonly lent?: Slice;
  /** Who raised it last. */
  readonly raisedBy?: string;
}

/** One operation or scope. */
export interface TreeNode {
  /** Address in the run: "0", "0.3", "0.2/fast/0". */
  readonly path: string;
  readonly name: string;
  readonly verb: string;
  /** `name@version`, where an agent acts. */
  readonly agent?: string;
  readonly status: NodeStatus;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly failure?: FailureRecord;
  /** Of a loop: the state that its present turn began with. A history shows what this loop appended to it. */
  readonly state?: unknown;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly attempts: number;
  readonly effect?: Effect;
  /** What it and everything inside it used. */
  readonly usage?: Usage;
  /** What it may use, and whether a person is asked for more. */
  readonly budget?: NodeBudget;
  readonly wait?: NodeWait;
  /** Who answered, or which message ended it. */
  readonly answeredBy?: string;
  /** Of a run that began anew: how often it began. Addresses inside it begin with "0~" and this number. */
  readonly generation?: number;
  readonly children: readonly TreeNode[];
}

type Draft = { -readonly [K in keyof TreeNode]: TreeNode[K] } & {
  children: Draft[];
  /** What its own entries tell. */
  own?: Spent;
  /** An entry told the sum of all inside. */
  summed?: boolean;
};

/** The tree of a whole journal, in order of seq. */
export function runTree(entries: readonly Entry[]): TreeNode {
  const scopes = new Map<number, Draft>();
  const nodes = new Map<string, Draft>();
  const first = entries[0];
  const root: Draft = {
    path: "0",
    name: nameOf(first?.name ?? ""),
    verb: "run",
    status: "running",
    attempts: 0,
    children: [],
  };
  if (first !== undefined) Object.assign(root, { agent: first.name, input: first.body, startedAt: first.at });
  const { limits, slice } = first?.meta ?? {};
  if (limits !== undefined) root.budget = { limits, ...(slice === undefined ? {} : { lent: slice }) };
  scopes.set(1, root);
  nodes.set("0", root);
  for (const entry of entries) fold(entry, scopes, nodes, root);
  sumUsage(root);
  return root;
}

/** What a node used: the sum that was recorded at its end, or what its entries and those inside tell so far. */
function sumUsage(node: Draft): Spent {
  const spent = new Spent();
  for (const child of node.children) {
    const inside = sumUsage(child);
    spent.add(inside);
  }
  const total = node.summed === true ? (node.own ?? spent) : spent;
  if (node.summed !== true && node.own !== undefined) spent.add(node.own);
  const usage = total.toUsage();
  if (usage !== undefined) node.usage = usage;
  delete node.own;
  delete node.summed;
  return total;
}

/** Notes what an entry tells: of an attempt it adds up, of a stretch it is the sum. */
function noteUsage(node: Draft, { kind, meta }: Entry): void {
  if (meta.usage === undefined) return;
  const told = Spent.of(meta.usage);
  const isSum = kind === "run-ended" || kind === "scope-ended" || node.verb === "map" || node.children.length > 0;
  if (isSum || node.own === undefined) node.own = told;
  else node.own.add(told);
  node.summed ||= isSum;
}

/** A turn of a loop, where turns are counted. */
function noteTurn(scope: Draft, { meta }: Entry): void {
  if (meta.usage?.turns === undefined) return;
  scope.own ??= new Spent();
  scope.own.turns++;
}

function nameOf(agent: string): string {
  return agent.split("@")[0] ?? agent;
}

/** What addresses inside a scope begin with. */
function baseOf({ path, generation }: Draft): string {
  return generation === undefined ? path : `${path}~${generation}`;
}

/** The run goes on from here; what it was before is in its entries. */
function beginAnew(entry: Entry, scopes: Map<number, Draft>, nodes: Map<string, Draft>, root: Draft): void {
  const { meta } = entry;
  scopes.clear();
  nodes.clear();
  scopes.set(entry.seq, root);
  nodes.set("0", root);
  Object.assign(root, { name: nameOf(entry.name), agent: entry.name, input: entry.body, startedAt: entry.at });
  root.children = [];
  root.generation = meta.count ?? 2;
  if (meta.limits !== undefined) root.budget = { limits: meta.limits };
  if (meta.usage !== undefined) root.own = Spent.of(meta.usage);
}

function fold(entry: Entry, scopes: Map<number, Draft>, nodes: Map<string, Draft>, root: Draft): void {
  const { kind, meta } = entry;
  if (kind === "run-started" || kind === "signal" || kind === "diverged") return;
  if (kind === "patched" || kind === "forked" || kind === "steered") return;
  if (kind === "continued") return beginAnew(entry, scopes, nodes, root);
  if (kind === "run-ended") {
    noteUsage(root, entry);
    return endNode(root, entry, meta.status ?? "completed");
  }
  const scope = scopes.get(entry.scope);
  if (kind === "budget-exhausted" || kind === "budget-raised" || kind === "at-risk")
    return foldBudget(entry, scope, nodes);
  if (scope === undefined || entry.op === "") return;
  const node = nodeAt(entry, scope, nodes);
  if (kind === "loop-advanced") noteTurn(scope, entry);
  else noteUsage(node, entry);
  switch (kind) {
    case "scope-started":
      scopes.set(entry.seq, node);
      if (meta.limits !== undefined) node.budget = { limits: meta.limits };
      node.startedAt = meta.startedAt ?? entry.at;
      if (entry.body !== undefined) node.input = entry.body;
      return;
    case "map-started":
      node.startedAt = entry.at;
      node.input = entry.body;
      return;
    case "intent":
      node.attempts = meta.attempt ?? 1;
      node.status = "running";
      node.startedAt ??= entry.at;
      if (entry.body !== undefined) node.input = entry.body;
      return;
    case "attempt-failed":
      node.attempts = meta.attempt ?? 1;
      node.status = "waiting";
      node.wait = waitOf(entry, node);
      return;
    case "send-opened":
      node.startedAt ??= entry.at;
      if (entry.body !== undefined) node.input = entry.body;
      return;
    case "timer-set":
    case "wait-opened":
    case "in-doubt":
      node.status = kind === "in-doubt" ? "in-doubt" : "waiting";
      node.startedAt ??= entry.at;
      node.wait = waitOf(entry, node);
      if (entry.body !== undefined) node.input = entry.body;
      return;
    case "op-cancelled":
      return cancelNode(node, entry.at);
    case "compensating":
      for (const child of scope.children)
        if (child !== node && child.endedAt === undefined) cancelNode(child, entry.at);
      node.startedAt = entry.at;
      return;
    case "compensation-registered":
      return endNode(node, { ...entry, body: undefined, input: entry.body }, "completed");
    case "emitted":
    case "child-started":
    case "result":
    case "scope-ended":
      return endNode(node, entry, meta.failed === true ? (meta.status ?? "failed") : "completed");
    case "loop-advanced":
      node.attempts = meta.count ?? node.attempts;
      node.state = stateAfter(node.state, entry);
      return;
    case "signal-refused":
      return;
  }
}

/** What became of a budget: of the scope, or of the outside work that `op` names. */
function foldBudget(entry: Entry, scope: Draft | undefined, nodes: Map<string, Draft>): void {
  const node = entry.op === "" ? scope : nodes.get(`${scope?.path ?? ""}.${entry.op}`);
  if (node?.budget === undefined) return;
  const { asked, ...budget } = node.budget;
  if (entry.kind === "budget-exhausted") {
    const report = entry.body as StopReport;
    node.budget = { ...budget, asked: { waitId: `${node.path}@${entry.seq}`, since: entry.at, report } };
  } else if (entry.kind === "at-risk") {
    node.budget = { ...budget, ...(asked === undefined ? {} : { asked }), atRisk: entry.at };
  } else {
    const by = entry.meta.from?.[0].split("#")[0];
    node.budget = {
      ...budget,
      limits: raisedBy(budget.limits, entry.meta.limits ?? {}),
      ...(by === undefined ? {} : { raisedBy: by }),
    };
  }
}

function nodeAt(entry: Entry, scope: Draft, nodes: Map<string, Draft>): Draft {
  const path = `${baseOf(scope)}.${entry.op}`;
  const known = nodes.get(path);
  if (known !== undefined) return known;
  const { meta } = entry;
  const node: Draft = {
    path,
    name: entry.name === "" ? (meta.verb ?? "") : entry.name,
    verb: meta.verb ?? "run",
    status: "running",
    attempts: 0,
    children: [],
  };
  if (meta.agent !== undefined) node.agent = meta.agent;
  if (meta.effect !== undefined) node.effect = meta.effect;
  nodes.set(path, node);
  parentOf(entry.op, scope, nodes).children.push(node);
  return node;
}

/** An item of a map lies under its map, anything else under its scope. */
function parentOf(op: string, scope: Draft, nodes: Map<string, Draft>): Draft {
  const cut = op.lastIndexOf("/");
  const above = cut < 0 ? undefined : nodes.get(`${baseOf(scope)}.${op.slice(0, cut)}`);
  return above !== undefined && above.verb === "map" ? above : scope;
}

function waitOf(entry: Entry, node: Draft): NodeWait {
  const { until } = entry.meta;
  // A doubt is answered by its own entry: an operation may come into doubt again.
  const waitId = entry.kind === "in-doubt" ? `${node.path}@${entry.seq}` : node.path;
  return { waitId, name: entry.name, since: entry.at, ...(until === undefined ? {} : { until }) };
}

/** The state of a turn that stores of its histories only what is new. */
function stateAfter(before: unknown, { body, meta }: Entry): unknown {
  const { appends } = meta;
  if (appends === undefined) return body;
  if ("" in appends) return continued(before, appends[""], body);
  const state = { ...(body as Record<string, unknown>) };
  for (const [name, from] of Object.entries(appends))
    state[name] = continued((before as Record<string, unknown> | undefined)?.[name], from, state[name]);
  return state;
}

/** Where in its history a list of this fold begins: what the loop began with is not in its entries. */
const beginsAt = new WeakMap<unknown[], number>();

function continued(before: unknown, from = 0, items: unknown): unknown[] {
  const fresh = items as readonly unknown[];
  const start = Array.isArray(before) ? beginsAt.get(before) : undefined;
  if (from === 0 || start === undefined || from < start) {
    const list = [...fresh];
    beginsAt.set(list, from);
    return list;
  }
  // This fold's own list, so it may grow in place; and shrink, where a turn went back before it went on.
  const list = before as unknown[];
  list.length = Math.min(list.length, from - start);
  for (const item of fresh) list.push(item);
  return list;
}

function endNode(node: Draft, entry: Entry, status: NodeStatus): void {
  const { meta } = entry;
  node.status = status;
  node.endedAt = entry.at;
  node.startedAt ??= entry.at - (meta.took ?? 0);
  if (entry.input !== undefined) node.input = entry.input;
  if (meta.attempt !== undefined) node.attempts = meta.attempt;
  else if (meta.effect !== undefined) node.attempts = Math.max(1, node.attempts);
  if (status === "completed") node.output = entry.body;
  else node.failure = entry.body as FailureRecord;
  if (meta.from !== undefined) node.answeredBy = meta.from[0].split("#")[0] ?? meta.from[0];
  delete node.wait;
  for (const child of node.children) if (child.endedAt === undefined) endOpen(child, entry.at, status);
}

/** What is open when its scope ends was given up; but for a loop, which has no end of its own in the journal. */
function endOpen(node: Draft, at: number, status: NodeStatus): void {
  if (node.verb !== "loop" || status !== "completed") return cancelNode(node, at);
  node.status = "completed";
  node.endedAt = at;
}

function cancelNode(node: Draft, at: number): void {
  node.status = "cancelled";
  node.endedAt = at;
  delete node.wait;
  for (const child of node.children) if (child.endedAt === undefined) cancelNode(child, at);
}
