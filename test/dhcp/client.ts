/**
 * Speaks DHCP's UDP on a host of the lab as it is told, so that tests can play clients that no program plays.
 * Sends the packets, then prints what comes back, one JSON document a line, until it is killed.
 *
 *   bun test/dhcp/client.ts '{"packets":["0101..."],"to":{"address":"255.255.255.255","port":67}}'
 */
import { z } from "zod";
import { openDeviceSocket } from "../../src/dhcp/src/device-socket.ts";

const Settings = z.object({
  interface: z.string().default("eth0"),
  port: z.number().default(68),
  packets: z.array(z.string()),
  to: z.object({ address: z.string(), port: z.number() }),
  /** Sends the packets again and again. */
  repeatMs: z.number().optional(),
});

export type ClientSettings = z.input<typeof Settings>;

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const settings = Settings.parse(JSON.parse(process.argv[2] ?? "{}"));
const socket = await openDeviceSocket({
  interface: settings.interface,
  port: settings.port,
  onDatagram: (bytes, from) => say({ type: "datagram", from, hex: bytes.toHex() }),
  onError: (error) => {
    throw error;
  },
});
async function send(): Promise<void> {
  for (const packet of settings.packets) await socket.send(Uint8Array.fromHex(packet), settings.to);
}

await send();
say({ type: "sent" });
if (settings.repeatMs !== undefined) setInterval(() => void send(), settings.repeatMs);
