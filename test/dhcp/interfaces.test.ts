/** Interfaces come, go and change their address while the proxy runs. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { decodeMessage, encodeMessage } from "dhcp4-ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { PI_4_NEW } from "./golden-packets.ts";
import { ip, type Service, type ServiceLine, startClient, startService } from "./support.ts";

const BROADCAST = { address: "255.255.255.255", port: 67 };

async function event(service: Service, type: "interface-up" | "interface-down", address: string, from = 0) {
  const fits = (line: ServiceLine): boolean => line.type === type && line.interface.address === address;
  await service.events.waitFor(`${type} of ${address}`, fits, { from });
}

/** Whether the service tells what it did with a message. */
function isAnswer({ type }: ServiceLine): boolean {
  return type === "answered" || type === "ignored";
}

describeWith(["root"], "interfaces while the proxy runs", () => {
  let lab: Lab;
  let server: Host;
  let pi: Host;
  let xid = 1;

  beforeEach(() => {
    lab = new Lab("ifaces");
    server = lab.addHost("server", { connected: false });
    pi = lab.addHost("pi", { address: "10.9.0.60/24" });
  });

  afterEach(() => lab.dispose());

  /** The siaddr of the offer that a Pi gets. */
  async function offeredBy(): Promise<string> {
    xid += 1;
    const packet = encodeMessage({ ...decodeMessage(PI_4_NEW.bytes), xid });
    const client = await startClient(lab, pi, { packets: [packet.toHex()], to: BROADCAST });
    const { message, from } = await client.reply("an offer", (reply) => reply.message.xid === xid);
    expect(from.address).toBe(message.siaddr);
    return message.siaddr;
  }

  test("one that appears after the start is served", async () => {
    const service = await startService(lab, server, { mode: "proxy" });
    expect(service.events.seen.map(({ type }) => type)).toEqual(["ready"]);
    lab.addWire(server, "eth5", { address: "10.9.0.7/24" });
    await event(service, "interface-up", "10.9.0.7");
    expect(await offeredBy()).toBe("10.9.0.7");
  });

  test("one that gets another address answers with the new one", async () => {
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    const service = await startService(lab, server, { mode: "proxy" });
    expect(await offeredBy()).toBe("10.9.0.7");
    ip(server, "addr", "flush", "dev", "eth0");
    ip(server, "addr", "add", "10.9.0.8/24", "dev", "eth0");
    await event(service, "interface-up", "10.9.0.8");
    expect(await offeredBy()).toBe("10.9.0.8");
  });

  test("one that goes is let go, and the others serve on", async () => {
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    lab.addWire(server, "eth1", { address: "10.9.0.8/24" });
    const service = await startService(lab, server, { mode: "proxy" });
    ip(server, "link", "del", "eth0");
    await event(service, "interface-down", "10.9.0.7");
    expect(await offeredBy()).toBe("10.9.0.8");
  });

  test("one that is made anew under its old name and address is served again", async () => {
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    const service = await startService(lab, server, { mode: "proxy" });
    const from = service.events.seen.length;
    ip(server, "link", "del", "eth0");
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    await event(service, "interface-up", "10.9.0.7", from);
    expect(await offeredBy()).toBe("10.9.0.7");
  });

  test("only the named ones are served, also one that is not there yet", async () => {
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    const service = await startService(lab, server, { mode: "proxy", interfaces: ["eth3"] });
    expect(service.events.seen.map(({ type }) => type)).toEqual(["interface-unusable", "ready"]);
    lab.addWire(server, "eth3", { address: "10.9.0.8/24" });
    await event(service, "interface-up", "10.9.0.8");
    expect(await offeredBy()).toBe("10.9.0.8");
    await service.events.waitFor("the answer to be told", isAnswer);
    // eth0 heard the same broadcast: one answer means that it is not served.
    expect(service.events.seen.filter(isAnswer)).toMatchObject([{ type: "answered", interface: "eth3" }]);
  });

  test("a server whose interface gets another network serves that network's addresses", async () => {
    lab.addWire(server, "eth0", { address: "10.7.0.1/24" });
    const service = await startService(lab, server, { mode: "server", detectTimeoutMs: 200 });
    ip(server, "addr", "flush", "dev", "eth0");
    ip(server, "addr", "add", "10.9.0.8/24", "dev", "eth0");
    await event(service, "interface-up", "10.9.0.8");
    const packet = encodeMessage({ ...decodeMessage(PI_4_NEW.bytes), flags: 0x8000 });
    const client = await startClient(lab, pi, { packets: [packet.toHex()], to: BROADCAST });
    const { message } = await client.reply("an offer");
    expect(message.yiaddr).toStartWith("10.9.0.");
  });

  test("it ends at once when it is told to, with its sockets closed", async () => {
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    const first = await startService(lab, server, { mode: "server", detectTimeoutMs: 200 });
    first.process.kill("SIGTERM");
    expect(await first.process.exited).toBe(0);
    expect(first.events.seen.at(-1)).toEqual({ type: "closed" });
    const second = await startService(lab, server, { mode: "server", detectTimeoutMs: 200 });
    expect(second.events.seen.map(({ type }) => type)).toContain("ready");
  });

  test("it ends at once also while it listens for rivals on a new interface", async () => {
    const service = await startService(lab, server, { mode: "server", detectTimeoutMs: 600_000 });
    const listener = await startClient(lab, pi, { port: 67, packets: [], to: BROADCAST });
    lab.addWire(server, "eth0", { address: "10.9.0.7/24" });
    await listener.reply("the search for rivals");
    service.process.kill("SIGTERM");
    expect(await service.process.exited).toBe(0);
    expect(service.events.seen.map(({ type }) => type)).toEqual(["ready", "closed"]);
  });
});
