/** docs/capabilities.md lists every id of the mission once, and every proof it names exists. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./project.ts";

const states = ["planned", "partial", "done"];

/** `| C01 | what | state | proofs |` */
const rows = read("docs/capabilities.md")
  .split("\n")
  .filter((line) => /^\| C\d/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, id = "", what = "", state = "", proofs = ""]) => ({ id, what, state, proofs }));

/** The ledger's ids are grouped by tens; each group is without gaps from its first to its last. */
const groups = [
  [1, 9],
  [10, 16],
  [20, 38],
  [40, 44],
  [50, 58],
  [60, 62],
  [70, 75],
  [80, 87],
  [90, 92],
  [100, 107],
  [110, 117],
  [120, 129],
  [130, 137],
] as const;
const ids = groups.flatMap(([first, last]) =>
  Array.from({ length: last - first + 1 }, (_, index) => `C${String(first + index).padStart(2, "0")}`),
);

test("every capability appears once, in order", () => {
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

test.each(rows)("$id: a state, and proof for what is said to work", ({ what, state, proofs }) => {
  expect(what).not.toBe("");
  expect(states).toContain(state);
  const named = [...proofs.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  if (state !== "planned") expect(named).not.toEqual([]);
});
