/** Nonsense on both ports: the service goes on, and a client is answered as before. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeMessage, encodeMessage } from "dhcp4-ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { PI_4_NEW } from "./golden-packets.ts";
import { runToEnd, type Service, startClient, startService } from "./support.ts";

const SERVER = "10.9.0.1";
const PACKETS = 7000;
/** Far above what a sound service needs, far below what a leak of each packet would take. */
const MAX_GROWTH_BYTES = 100e6;

describeWith(["root"], "nonsense on the DHCP ports", () => {
  let lab: Lab;
  let server: Host;
  let attacker: Host;

  beforeEach(() => {
    lab = new Lab("hostile");
    server = lab.addHost("server", { address: `${SERVER}/24` });
    attacker = lab.addHost("attacker", { address: "10.9.0.66/24" });
  });

  afterEach(() => lab.dispose());

  test.each(["proxy", "server"] as const)(
    "the %s goes on and still answers a Pi",
    async (mode) => {
      const service = await startService(lab, server, { mode, detectTimeoutMs: 200 });
      const before = await memoryBytes(service);
      const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const attack = JSON.stringify({ to: SERVER, count: PACKETS, seed });
      const { code, output } = await runToEnd(lab, attacker, [
        process.execPath,
        join(import.meta.dir, "hostile.ts"),
        attack,
      ]);
      expect(code, output).toBe(0);
      const discover = encodeMessage({ ...decodeMessage(PI_4_NEW.bytes), xid: 0x1a57, flags: 0x8000 });
      const client = await startClient(lab, attacker, {
        packets: [discover.toHex()],
        // As every client does: its first question may drown in the flood.
        repeatMs: 1000,
        to: { address: "255.255.255.255", port: 67 },
      });
      const { message } = await client.reply("the offer", (reply) => reply.message.xid === 0x1a57);
      expect(message.siaddr).toBe(SERVER);
      const kinds = new Set(service.events.seen.map(({ type }) => type));
      expect(kinds, `seed ${seed}`).toContain("malformed");
      expect(
        service.events.seen.filter(({ type }) => type === "fault"),
        `seed ${seed}`,
      ).toEqual([]);
      expect((await memoryBytes(service)) - before, `seed ${seed}`).toBeLessThan(MAX_GROWTH_BYTES);
    },
    60_000,
  );
});

/** What the service's process holds in memory. */
async function memoryBytes({ process: { pid } }: Service): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
