/** The network's own DHCP server, as in every home: it gives addresses and knows nothing of booting. */
import type { Host, Lab } from "../sim/net/lab.ts";

/** Starts dnsmasq as the router 10.0.0.1 and waits until it serves; `flags` for what else it tells its clients. */
export async function addRouter(lab: Lab, flags: readonly string[] = []): Promise<Host> {
  const router = lab.addHost("router", { address: "10.0.0.1/24" });
  const addresses = ["--dhcp-range=10.0.0.100,10.0.0.150,1h", "--dhcp-authoritative"];
  await startDnsmasq(lab, router, [...addresses, ...flags]);
  return router;
}

/** Starts dnsmasq with nothing but these flags on a host, no DNS and no state on disk, and waits until it serves. */
export async function startDnsmasq(lab: Lab, host: Host, flags: readonly string[]): Promise<void> {
  const fixed = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--log-facility=-",
    "--port=0",
    "--no-ping",
  ];
  const quiet = ["--leasefile-ro", "--interface=eth0", "--bind-interfaces", "--user=root"];
  const dnsmasq = lab.spawn(host, ["dnsmasq", ...fixed, ...quiet, ...flags]);
  const reader = dnsmasq.stderr.getReader();
  let said = "";
  while (!said.includes("started")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`dnsmasq: ${said}`);
    said += new TextDecoder().decode(value);
  }
  // dnsmasq stops when nobody reads what it says.
  void drain(reader);
}

async function drain(reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">): Promise<void> {
  while (!(await reader.read()).done);
}
