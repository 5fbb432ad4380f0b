/** Carries out `ctx.map`: starts items up to the limit, counts their ends, joins. No body is needed for it. */
import { toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { Engine } from "./engine.ts";
import { keepEdge } from "./hand-over.ts";
import type { MapState } from "./map-operation.ts";
import { Operation } from "./operation.ts";
import { ensureMapStarted, finish, writeResult } from "./results.ts";
import { bindAgent, boundAgent } from "./work.ts";

export function launchMap(engine: Engine, operation: Operation): void {
  const { map } = operation;
  if (map === null || map.decided || map.resumed) return;
  operation.state = "pending";
  if (map.recorded) return resumeMap(engine, map);
  map.resumed = true;
  if (operation.inputText === null) {
    try {
      operation.inputText = encodeJson(map.items, `items of map ${operation.name}`);
      // One copy of all, the same that a replay would see; no item is encoded again.
      map.items = decodeJson(operation.inputText) as readonly unknown[];
    } catch (error) {
      return finish(operation, toFailureRecord(error, operation.path));
    }
  }
  pumpMap(engine, map);
}

/** Starts items up to the limit, and ends the map when its join is decided: what is still open is given up. */
function pumpMap(engine: Engine, map: MapState): void {
  if (map.decided) return;
  const { verdict, operation } = map;
  if (verdict !== null) {
    map.decided = true;
    if (!map.complete) engine.cancelUnder(operation.scope, `${operation.key}/`);
    return writeResult(operation, verdict.failed, verdict.text, 0, "");
  }
  while (map.running < map.limit && map.launched < map.items.length) {
    const index = map.launched++;
    if (map.outcomes[index] !== undefined || map.begun.has(index)) continue;
    map.running++;
    engine.launch(itemOperation(engine, map, index));
  }
}

/** The operation of one item, made when it is needed. */
export function itemOperation(_engine: Engine, map: MapState, index: number): Operation {
  const { operation } = map;
  const key = `${operation.key}/${index}`;
  const known = operation.scope.operations.get(key);
  if (known !== undefined) return known;
  const bound = boundAgent(map.agent);
  const item = new Operation(operation.scope, key, "run", map.agent.name, bound.id, map.container);
  item.itemOf = map;
  item.itemIndex = index;
  bindAgent(item, map.agent, bound);
  keepEdge(item, map.edge, bound.limits);
  // In the journal an absent item is null; so it is live.
  item.input = map.items[index] ?? null;
  operation.scope.operations.set(key, item);
  // A leaf's outcome is told by its result alone; what waits or nests needs the items in the journal.
  ensureMapStarted(map);
  return item;
}

/** An item's end is committed. */
export function itemEnded(engine: Engine, item: Operation, failed: boolean, text: string | null): void {
  const map = item.itemOf;
  if (map === null || map.decided) return;
  map.running--;
  map.settle(item.itemIndex, failed, text);
  item.scope.operations.delete(item.key);
  pumpMap(engine, map);
}

/** Takes up a loaded map where it was: items in flight again, a join that was due, further items up to the limit. */
export function resumeMap(engine: Engine, map: MapState): void {
  const { operation } = map;
  map.resumed = true;
  if (map.verdict !== null) return pumpMap(engine, map);
  const open: Operation[] = [];
  for (const item of operation.scope.operations.values()) if (item.itemOf === map && item.live) open.push(item);
  map.running = open.length;
  for (const item of open) {
    map.begun.add(item.itemIndex);
    item.target ??= map.agent;
    if (item.work === null && item.wait === null) bindAgent(item, map.agent);
    engine.launch(item);
  }
  pumpMap(engine, map);
}
