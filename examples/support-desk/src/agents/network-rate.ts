/**
 * Asks the card network for the rate of a day, over HTTP. A network that is out of order is asked three times; then the
 * call fails with the network's own reason.
 */
import { tool } from "concertato";
import { z } from "zod";
import type { CardNetwork } from "../services/card-network.ts";

const asked = z.object({ currency: z.string(), day: z.string() });
/** EUR for one unit, as the network writes it. `id` names the row. */
const rate = z.object({ id: z.string(), currency: z.string(), day: z.string(), rate: z.string() });
export type NetworkRate = z.infer<typeof rate>;

const told = z.object({ currency: z.string(), day: z.string(), rate: z.string() });
const refused = z.object({ reason: z.string() });

export const networkRate = ({ url }: CardNetwork) =>
  tool({
    name: "network-rate",
    description: "Asks the card network for the exchange rate of a day",
    owner: "Head of cards",
    input: asked,
    output: rate,
    effect: "read",
    timeout: "5s",
    retry: { attempts: 3, backoff: "100ms" },
    execute: async ({ currency, day }, { signal }): Promise<NetworkRate> => {
      const response = await fetch(`${url}/rates/${currency}/${day}`, { signal });
      const body: unknown = await response.json();
      if (response.ok) return { id: `${currency} ${day}`, ...told.parse(body) };
      const { reason } = refused.parse(body);
      throw new Error(`The card network answered ${response.status} for ${currency} on ${day}: ${reason}.`);
    },
  });
