/**
 * Runs a proxy or a server on a host of the lab and prints its events, one JSON document a line.
 * Ends cleanly at SIGTERM.
 *
 *   bun test/dhcp/serve.ts '{"mode":"proxy"}'
 */
import {
  createDhcpProxy,
  createDhcpServer,
  type DhcpEvent,
  makeOptions,
  MemoryLeaseStore,
  RivalServerError,
} from "dhcp4-ts";
import { z } from "zod";
import { BOOT_ANSWER, boots } from "./policy.ts";

const Settings = z.object({
  mode: z.enum(["proxy", "server"]),
  interfaces: z.array(z.string()).optional(),
  port: z.number().optional(),
  range: z.object({ first: z.string(), last: z.string() }).optional(),
  leaseTimeS: z.number().optional(),
  detectTimeoutMs: z.number().optional(),
  rivalCheckIntervalMs: z.number().optional(),
  /** Of replies to clients that boot. */
  delayMs: z.number().default(0),
});

export type ServeSettings = z.input<typeof Settings>;

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const { mode, delayMs, ...settings } = Settings.parse(JSON.parse(process.argv[2] ?? "{}"));
const common = { ...settings, onEvent: (event: DhcpEvent) => say(event) };

try {
  const service =
    mode === "proxy"
      ? await createDhcpProxy({
          ...common,
          decide: (message) =>
            boots(message)
              ? { kind: "answer", pxe: BOOT_ANSWER, delayMs }
              : { kind: "ignore", reason: "it is no Raspberry Pi" },
        })
      : await createDhcpServer({
          ...common,
          leases: new MemoryLeaseStore(),
          decide: (message) => ({
            kind: "serve",
            options: makeOptions({ rootPath: "iscsi:10.9.0.1:::1:iqn.2025-01.example:disk" }).set(
              224,
              new TextEncoder().encode("pivot"),
            ),
            ...(boots(message) ? { pxe: BOOT_ANSWER, delayMs } : {}),
          }),
        });
  process.on("SIGTERM", () => {
    void service.close().then(() => say({ type: "closed" }));
  });
  say({ type: "ready", port: service.port, pxePort: service.pxePort });
} catch (error) {
  if (!(error instanceof Error)) throw error;
  say({
    type: "refused",
    name: error.name,
    message: error.message,
    code: "code" in error ? error.code : undefined,
    rival: error instanceof RivalServerError ? error.rival : undefined,
  });
}
