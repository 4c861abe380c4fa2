/** Two DHCP servers on one cable give one address twice: ours does not start beside another, and tells of a later one. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { addLooseCable, startRouter, startService } from "./support.ts";

const SERVER = "10.9.0.1";
const ROUTER = "10.9.0.2";
const ROUTER_MAC = "02:00:00:00:00:02";

describeWith(["root", "dnsmasq"], "the server and its rivals", () => {
  let lab: Lab;
  let server: Host;
  let router: Host;

  beforeEach(() => {
    lab = new Lab("rivals");
    server = lab.addHost("server", { address: `${SERVER}/24` });
    router = lab.addHost("router", { address: `${ROUTER}/24`, mac: ROUTER_MAC });
  });

  afterEach(() => lab.dispose());

  test("it refuses to start beside another server, and names it", async () => {
    await startRouter(lab, router);
    const { events, process } = await startService(lab, server, { mode: "server" });
    expect(events.seen.find(({ type }) => type === "refused")).toMatchObject({
      name: "RivalServerError",
      rival: { interface: "eth0", address: ROUTER, mac: ROUTER_MAC },
    });
    expect(await process.exited).toBe(0);
  });

  test("it refuses to start beside a server that pings before it offers", async () => {
    // Without --no-ping dnsmasq waits 3 s for an answer to its ping.
    await startRouter(lab, router, []);
    const { events } = await startService(lab, server, { mode: "server" });
    expect(events.seen.find(({ type }) => type === "refused")).toMatchObject({ name: "RivalServerError" });
  });

  test("it refuses to start beside a server on the same computer", async () => {
    await startRouter(lab, server);
    const { events } = await startService(lab, server, { mode: "server", detectTimeoutMs: 300 });
    expect(events.seen.find(({ type }) => type === "refused")).toMatchObject({
      name: "DhcpSocketError",
      code: "EADDRINUSE",
    });
  });

  test("a proxy beside it is no rival", async () => {
    await startService(lab, router, { mode: "proxy" });
    const { events } = await startService(lab, server, { mode: "server", detectTimeoutMs: 300 });
    expect(events.seen.map(({ type }) => type)).toContain("ready");
  });

  test("a rival that appears later is told, once", async () => {
    const { events } = await startService(lab, server, {
      mode: "server",
      detectTimeoutMs: 300,
      rivalCheckIntervalMs: 400,
    });
    await startRouter(lab, router);
    const told = await events.waitFor("the rival", ({ type }) => type === "rival");
    expect(told).toMatchObject({ rival: { address: ROUTER, mac: ROUTER_MAC } });
    // Two more searches find the same one.
    await Bun.sleep(1000);
    expect(events.seen.filter(({ type }) => type === "rival")).toHaveLength(1);
  });

  test("with only one of two cables free, it serves that one and tells of the other", async () => {
    await startRouter(lab, router);
    addLooseCable(server, "eth1", "10.8.0.1/24");
    const { events } = await startService(lab, server, { mode: "server", detectTimeoutMs: 300 });
    expect(events.seen.find(({ type }) => type === "interface-up")).toMatchObject({
      interface: { name: "eth1" },
    });
    expect(events.seen.find(({ type }) => type === "interface-unusable")).toMatchObject({
      interface: "eth0",
    });
  });
});
