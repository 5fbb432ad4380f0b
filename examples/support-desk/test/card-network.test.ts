/** The card network's service over real HTTP: what it knows, what it does not, and the days its feed is broken. */
import { expect, test } from "vitest";
import { openCardNetwork } from "../src/services/card-network.ts";

test("the network tells the rate of a day, and the same fault every time for a day whose feed is broken", async () => {
  await using network = await openCardNetwork();
  const ask = async (path: string): Promise<readonly [number, unknown]> => {
    const response = await fetch(`${network.url}${path}`);
    return [response.status, await response.json()];
  };
  expect(await ask("/rates/CHF/2026-02-24")).toEqual([200, { currency: "CHF", day: "2026-02-24", rate: "1.0526316" }]);
  expect(await ask("/rates/CHF/1999-01-01")).toEqual([404, { reason: "no rate of that day" }]);
  expect(await ask("/accounts/c-101")).toMatchObject([404, {}]);
  const broken = await ask("/rates/GBP/2026-02-21");
  expect(broken).toEqual([503, { reason: expect.stringContaining("incomplete") }]);
  expect(await ask("/rates/GBP/2026-02-21")).toEqual(broken);
});
