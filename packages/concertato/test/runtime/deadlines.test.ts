/** The deadlines of one process: one that goes wrong takes no other with it. */
import { describe, expect, test } from "vitest";
import { Deadlines } from "../../src/runtime/deadlines.ts";
import { virtualWorld } from "../../src/testing/virtual-world.ts";

describe("deadlines", () => {
  test("one that throws is reported, and those due with it and after it still fire", async () => {
    const world = virtualWorld();
    const deadlines = new Deadlines(world);
    const fired: string[] = [];
    deadlines.at(10, () => fired.push("before"));
    deadlines.at(10, () => {
      throw new Error("this one broke");
    });
    deadlines.at(10, () => fired.push("beside"));
    deadlines.at(30, () => fired.push("after"));
    await world.advance(100);
    expect(fired).toEqual(["before", "beside", "after"]);
    expect(world.reports).toEqual([expect.objectContaining({ message: "this one broke" })]);
  });

  test("one that throws leaves the timer able to serve what is set later", async () => {
    const world = virtualWorld();
    const deadlines = new Deadlines(world);
    const fired: string[] = [];
    deadlines.at(10, () => {
      throw new Error("this one broke");
    });
    await world.advance(20);
    deadlines.at(30, () => fired.push("later"));
    await world.advance(20);
    expect(fired).toEqual(["later"]);
  });

  test("stopped while firing, nothing more fires", async () => {
    const world = virtualWorld();
    const deadlines = new Deadlines(world);
    const fired: string[] = [];
    deadlines.at(10, () => deadlines.stop());
    deadlines.at(10, () => fired.push("after the stop"));
    await world.advance(20);
    expect(fired).toEqual([]);
  });
});
