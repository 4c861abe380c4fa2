/** The server that a demo's Pi boots from: the one that runs, or one of its own on loopback, in a folder that goes with it. */
import { join } from "node:path";
import { z } from "zod";
import { ApplianceError } from "../appliance/index.ts";
import { type Api, read, runningServer } from "./backend.ts";
import { dataFolderOf } from "./flags.ts";
import { selfCommand } from "./self.ts";

export interface DemoServer {
  readonly api: Api;
  readonly tftp: { readonly address: string; readonly port: number };
  /** Address of the page; null when it is not served over TCP. */
  readonly page: string | null;
  stop(): Promise<void>;
}

const FLAGS =
  "--interface lo --dhcp off --tftp-port 0 --iscsi-port 0 --report-port 0 --http 127.0.0.1:0 --adopt ask";
/** Building a shim takes minutes, and is said. */
const LOOK_MS = 1000;

const ReadySchema = z.object({ event: z.literal("ready") });

/** Finds or starts it, and waits until it has a shim to give. Throws in words when it has none and will not have one. */
export async function demoServer(
  flags: { readonly data?: string; readonly json: boolean },
  folder: string,
  signal: AbortSignal,
): Promise<DemoServer> {
  // A demo is of this computer: what the environment says of another one is not for it.
  const running = await runningServer({ data: dataFolderOf(flags) });
  if (running) {
    const found = await serverOf(running, signal, flags.json);
    if (found) return { ...found, stop: () => Promise.resolve() };
    if (!flags.json) console.log("The server that runs does not serve TFTP, so the demo has one of its own.");
  }
  const data = join(folder, "data");
  const child = Bun.spawn([...selfCommand, "serve", "--data", data, "--log", "json", ...FLAGS.split(" ")], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A Ctrl-C is for the demo, which ends its server after its Pi.
    detached: true,
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  try {
    await untilReady(child);
    const found = await serverOf(await runningServer({ data }), signal, flags.json);
    if (!found) throw new ApplianceError("internal", "The demo's own server does not serve TFTP");
    return { ...found, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function serverOf(
  api: Api | undefined,
  signal: AbortSignal,
  quiet: boolean,
): Promise<Omit<DemoServer, "stop"> | undefined> {
  if (!api) return undefined;
  let said = "";
  for (;;) {
    const { shim, services, page } = await read(api.client.health.$get());
    if (services.tftp === null) return undefined;
    const colon = services.tftp.lastIndexOf(":");
    const tftp = { address: services.tftp.slice(0, colon), port: Number(services.tftp.slice(colon + 1)) };
    if (shim.state === "ready") return { api, tftp, page };
    if (shim.state === "missing")
      throw new ApplianceError(
        "shim-unavailable",
        "There is no boot shim for the virtual Pi",
        "pinetboot shim build",
      );
    const words = `The boot shim is being built: ${shim.step ?? ""}`;
    if (words !== said && !quiet) console.log(words);
    said = words;
    if (signal.aborted) throw new ApplianceError("timeout", "Interrupted while the boot shim was built");
    await Bun.sleep(LOOK_MS);
  }
}

async function untilReady(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<void> {
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done)
      throw new ApplianceError(
        "internal",
        `The demo's server ended: ${await new Response(child.stderr).text()}`,
      );
    text += decoder.decode(value, { stream: true });
    const isReady = text
      .split("\n")
      .slice(0, -1)
      .some((line) => ReadySchema.safeParse(JSON.parse(line)).success);
    if (isReady) break;
  }
  // It stops when nobody reads what it says.
  void (async () => {
    while (!(await reader.read()).done);
  })();
}
