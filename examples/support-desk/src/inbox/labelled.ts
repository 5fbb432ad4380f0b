/** Reads labelled messages, which measure the router. They ship with the desk, so a wrong line is an error. */
import { readFileSync } from "node:fs";
import { type Labelled, labelled } from "../agents/exam.ts";

export function readLabelled(file: string): readonly Labelled[] {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => labelled.parse(JSON.parse(line)));
}
