/** The network's own DHCP server, as in every home: it gives addresses and knows nothing of booting. */
import type { Host, Lab, LabProcess } from "../sim/net/lab.ts";

/** Starts dnsmasq as the router 10.0.0.1 and waits until it serves; `flags` for what else it tells its clients. */
export async function addRouter(lab: Lab, flags: readonly string[] = []): Promise<Host> {
  const router = lab.addHost("router", { address: "10.0.0.1/24" });
  const addresses = ["--dhcp-range=10.0.0.100,10.0.0.150,1h", "--dhcp-authoritative"];
  await startDnsmasq(lab, router, [...addresses, ...flags]);
  return router;
}

export class Dnsmasq {
  readonly #process: LabProcess;
  readonly #waiting = new Set<() => void>();
  #said = "";

  constructor(process: LabProcess) {
    this.#process = process;
    // dnsmasq stops when nobody reads what it says.
    void this.#read();
  }

  /** Everything that it has said: each DISCOVER, REQUEST, ACK and RELEASE is a line. */
  get said(): string {
    return this.#said;
  }

  /** Waits until what it has said fulfils a condition. Rejects with its words when it ends or takes too long. */
  async until(condition: (said: string) => boolean, limitMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (condition(this.#said)) resolve();
    };
    const fail = (): void => reject(new Error(`dnsmasq: ${this.#said.slice(-2000)}`));
    const late = setTimeout(fail, limitMs);
    this.#waiting.add(look);
    void this.#process.exited.then(fail);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(look);
    }
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stderr) {
      this.#said += decoder.decode(bytes, { stream: true });
      for (const look of this.#waiting) look();
    }
  }
}

/** It binds its ports within a second; the rest is a busy machine's. */
const START_MS = 60_000;

/** Starts dnsmasq with nothing but these flags on a host, no DNS and no state on disk, and waits until it serves. */
export async function startDnsmasq(lab: Lab, host: Host, flags: readonly string[]): Promise<Dnsmasq> {
  const fixed = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--log-facility=-",
    "--port=0",
    "--no-ping",
  ];
  const quiet = ["--leasefile-ro", "--interface=eth0", "--bind-interfaces", "--user=root"];
  const dnsmasq = new Dnsmasq(lab.spawn(host, ["dnsmasq", ...fixed, ...quiet, ...flags]));
  await dnsmasq.until((said) => said.includes("started"), START_MS);
  return dnsmasq;
}
