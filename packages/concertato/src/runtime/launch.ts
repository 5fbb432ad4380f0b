/**
 * Starts what a body issued: outside work, nested calls, timers, waits, maps, runs of their own. It decides nothing about
 * order: every end becomes an entry, and only its commit is delivered.
 */
import { registerCompensation } from "./compensation.ts";
import type { Engine } from "./engine.ts";
import { launchMap } from "./map-execution.ts";
import { launchRelease } from "./holding.ts";
import { toFailureRecord } from "../kernel/errors.ts";
import { launchSend } from "./mail-sending.ts";
import { callScope, startChild } from "./nested-call.ts";
import type { Operation } from "./operation.ts";
import { launchWork } from "./outside-work.ts";
import { finish } from "./results.ts";
import { launchState } from "./state-access.ts";
import { refusedTool } from "./tool-grant.ts";
import { openWait, setTimer } from "./waits.ts";

/** Starts, or takes up again, an operation whose body has issued it (or that needs no body). */
export function launch(engine: Engine, operation: Operation): void {
  if (!operation.live || operation.scope.dead) return;
  const { direction } = operation.scope.run;
  if (direction !== null && direction.takes(operation)) return;
  const refused = refusedTool(engine, operation);
  if (refused !== undefined) return finish(operation, toFailureRecord(refused, operation.path));
  switch (operation.verb) {
    case "sleep":
    case "until":
      return setTimer(engine, operation);
    case "wait":
    case "outcome":
    case "receive":
    case "claim":
      return openWait(operation);
    case "map":
      return launchMap(engine, operation);
    case "start":
      return startChild(engine, operation);
    case "compensate":
      return registerCompensation(engine, operation);
    case "run":
    case "step":
      return launchCall(engine, operation);
    case "state":
      return launchState(engine, operation);
    case "release":
      return launchRelease(operation);
    case "send":
      return launchSend(engine, operation);
    case "emit":
    case "log":
    case "loop":
    case "group":
      return;
  }
}

function launchCall(engine: Engine, operation: Operation): void {
  if (operation.wait !== null) return openWait(operation);
  if (operation.work !== null) return launchWork(engine, operation);
  if (operation.target !== null) return callScope(engine, operation);
}
