/** The network of a boot test: a router that may give addresses, a computer with pinetboot, and Pis. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Host, Lab } from "../sim/net/lab.ts";
import { addRouter } from "./router.ts";
import { Server } from "./server.ts";
import { VirtualPi, type VirtualPiOptions } from "./virtual-pi.ts";

export interface Lan {
  readonly lab: Lab;
  readonly serverHost: Host;
  readonly server: Server;
  /** Everything of this test; the server's data lies in `data` below it. */
  readonly dir: string;
  readonly dataDir: string;
  addPi(options: VirtualPiOptions): VirtualPi;
  dispose(): Promise<void>;
}

/** The server's address on the test's network. */
export const SERVER_ADDRESS = "10.0.0.2";

/**
 * Makes the network; `pinetboot serve` is not started yet. Without a router it is a cable between computer and Pis.
 * `dispose` must be called, also after a failure.
 */
export async function makeLan(label: string, { hasRouter = true } = {}): Promise<Lan> {
  const lab = new Lab(label);
  const dir = mkdtempSync(join(tmpdir(), `pinetboot-${label}-`));
  const dataDir = join(dir, "data");
  const pis: VirtualPi[] = [];
  try {
    if (hasRouter) await addRouter(lab);
    const serverHost = lab.addHost("server", { address: `${SERVER_ADDRESS}/24` });
    return {
      lab,
      serverHost,
      server: new Server(lab, serverHost, dataDir),
      dir,
      dataDir,
      addPi(options) {
        const pi = new VirtualPi(lab, options);
        pis.push(pi);
        return pi;
      },
      async dispose() {
        await Promise.all(pis.map((pi) => pi.dispose()));
        await lab.dispose();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}
