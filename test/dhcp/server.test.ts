/** The server on a cable of its own: every client gets an address, keeps it, and gives it back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { decodeMessage, encodeMessage, makeOptions, messageTypeValue, readOption } from "dhcp4-ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { dhclient, dhcpcd, udhcpc } from "./client-programs.ts";
import { PI_4_NEW } from "./golden-packets.ts";
import { Lines, runToEnd, type Service, type ServiceLine, startClient, startService } from "./support.ts";

const SERVER = "10.9.0.1";
const BROADCAST = { address: "255.255.255.255", port: 67 };
/** Long enough to answer at all; nothing is on the cable. */
const DETECT_MS = 300;
const TOOLS = ["root", "udhcpc", "dhclient", "dhcpcd"];

type LeaseChange = Extract<ServiceLine, { type: "lease" }>["change"];

/** The address in udhcpc's words. */
function addressOf(output: string): string {
  return /lease of (\S+) obtained/.exec(output)?.[1] ?? output;
}

describeWith(TOOLS, "the server on a cable", () => {
  let lab: Lab;
  let service: Service;
  let squatter: Host;

  beforeAll(async () => {
    lab = new Lab("server");
    const server = lab.addHost("server", { address: `${SERVER}/24` });
    // The first address of the range is in use by somebody who never asked.
    squatter = lab.addHost("squatter", { address: "10.9.0.20/24", mac: "02:00:00:00:00:99" });
    service = await startService(lab, server, {
      mode: "server",
      range: { first: "10.9.0.20", last: "10.9.0.60" },
      leaseTimeS: 3600,
      detectTimeoutMs: DETECT_MS,
    });
  });

  afterAll(() => lab.dispose());

  async function leaseEvent(change: LeaseChange, mac: string, from = 0): Promise<string> {
    const event = await service.events.waitFor(
      `${mac} to be ${change}`,
      (line) => line.type === "lease" && line.change === change && line.lease.mac === mac,
      { from },
    );
    return event.type === "lease" ? event.lease.address : "";
  }

  test("a squatter's address is found by probing and left out", async () => {
    const mac = "02:00:00:00:20:01";
    const host = lab.addHost("first", { mac });
    const { output } = await runToEnd(lab, host, udhcpc("-q", "-n"));
    expect(output).toContain("lease of 10.9.0.21 obtained from 10.9.0.1");
    const found = await service.events.waitFor("the squatter", ({ type }) => type === "squatter");
    expect(found).toMatchObject({ address: "10.9.0.20", mac: "02:00:00:00:00:99" });
    expect(squatter.namespace).toBeString();
  });

  test("udhcpc gets a lease, renews it and gives it back", async () => {
    const mac = "02:00:00:00:20:02";
    const client = lab.spawn(lab.addHost("udhcpc", { mac }), udhcpc());
    const address = await leaseEvent("bound", mac);
    const log = new Lines(client.stderr, (line) => line);
    await log.waitFor("the lease", (line) => line.includes(`lease of ${address} obtained`));
    client.kill("SIGUSR1");
    expect(await leaseEvent("renewed", mac)).toBe(address);
    await service.events.waitFor(
      "the ACK to the client's address",
      (line) => line.type === "answered" && line.reply === "ACK" && line.to === `${address}:68`,
    );
    client.kill("SIGUSR2");
    expect(await leaseEvent("released", mac)).toBe(address);
  });

  test("dhclient gets a lease, comes back with it after a restart, and gives it back", async () => {
    const mac = "02:00:00:00:20:03";
    const host = lab.addHost("dhclient", { mac });
    const steps = "start && stop && start && release";
    const { output, code } = await runToEnd(lab, host, dhclient({ steps }));
    expect(code, output).toBe(0);
    const address = await leaseEvent("bound", mac);
    expect(output.split(`bound to ${address}`)).toHaveLength(3);
    // The second run asks for its old address at once: no second DISCOVER.
    expect(output.split("DHCPDISCOVER")).toHaveLength(2);
    expect(await leaseEvent("renewed", mac)).toBe(address);
    expect(await leaseEvent("released", mac)).toBe(address);
  });

  test("dhcpcd gets a lease", async () => {
    const mac = "02:00:00:00:20:04";
    const host = lab.addHost("dhcpcd", { mac });
    const { output } = await runToEnd(lab, host, dhcpcd("--oneshot"));
    const address = await leaseEvent("bound", mac);
    expect(output).toContain(`leased ${address} for 3600 seconds`);
  });

  test("every client has an address of its own, and the same one again", async () => {
    const macs = ["02:00:00:00:20:05", "02:00:00:00:20:06", "02:00:00:00:20:07"];
    const hosts = macs.map((mac, index) => lab.addHost(`many${index}`, { mac }));
    const all = await Promise.all(hosts.map((host) => runToEnd(lab, host, udhcpc("-q", "-n"))));
    const addresses = all.map(({ output }) => addressOf(output));
    expect(new Set(addresses).size).toBe(3);
    const [first] = hosts;
    if (first === undefined) throw new Error("no host");
    const again = await runToEnd(lab, first, udhcpc("-q", "-n"));
    expect(addressOf(again.output)).toBe(addresses[0] ?? "");
  });

  test("a Pi's firmware gets address and boot in OFFER and ACK", async () => {
    const pi = lab.addHost("pi", { address: "10.9.0.90/24" });
    const broadcasting = { ...decodeMessage(PI_4_NEW.bytes), flags: 0x8000 };
    const asking = await startClient(lab, pi, {
      packets: [encodeMessage(broadcasting).toHex()],
      to: BROADCAST,
    });
    const offer = await asking.reply("the offer");
    const request = {
      ...broadcasting,
      options: new Map([
        ...broadcasting.options,
        ...makeOptions({
          messageType: messageTypeValue("REQUEST"),
          serverIdentifier: SERVER,
          requestedAddress: offer.message.yiaddr,
        }),
      ]),
    };
    const choosing = await startClient(lab, pi, { packets: [encodeMessage(request).toHex()], to: BROADCAST });
    const ack = await choosing.reply("the ACK");
    for (const { message } of [offer, ack]) {
      expect(message.yiaddr).toStartWith("10.9.0.");
      expect(message.siaddr).toBe(SERVER);
      expect(readOption(message.options, "vendorClass")).toBe("PXEClient");
      expect(readOption(message.options, "tftpServerName")).toBe(SERVER);
      expect(message.options.get(97)).toEqual(broadcasting.options.get(97));
      expect(message.options.has(43)).toBe(true);
      expect(readOption(message.options, "rootPath")).toStartWith("iscsi:");
      expect(new TextDecoder().decode(message.options.get(224))).toBe("pivot");
    }
    expect(readOption(offer.message.options, "messageType")).toBe(messageTypeValue("OFFER"));
    expect(readOption(ack.message.options, "messageType")).toBe(messageTypeValue("ACK"));
  });

  test("a client that rebinds by broadcast keeps its address; one that asks for a foreign one hears NAK", async () => {
    const host = lab.addHost("rebinding", { address: "10.9.0.55/24" });
    const base = { ...decodeMessage(PI_4_NEW.bytes), hardwareAddress: Uint8Array.fromHex("020000002008") };
    const options = makeOptions({ messageType: messageTypeValue("REQUEST") });
    const rebind = encodeMessage({ ...base, xid: 1, ciaddr: "10.9.0.55", options });
    const foreign = encodeMessage({ ...base, xid: 2, ciaddr: "10.77.0.5", options });
    const packets = [rebind.toHex(), foreign.toHex()];
    const client = await startClient(lab, host, { packets, to: BROADCAST });
    const kept = await client.reply("the ACK", ({ message }) => message.xid === 1);
    expect(readOption(kept.message.options, "messageType")).toBe(messageTypeValue("ACK"));
    expect(kept.message.yiaddr).toBe("10.9.0.55");
    const refused = await client.reply("the NAK", ({ message }) => message.xid === 2);
    expect(readOption(refused.message.options, "messageType")).toBe(messageTypeValue("NAK"));
  });
});
