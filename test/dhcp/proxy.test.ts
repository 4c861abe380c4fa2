/** The proxy beside a router's own DHCP server: Pis are told where to boot from, everybody else never notices us. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  decodePxeMenu,
  encodeMessage,
  makeOptions,
  messageTypeValue,
  readOption,
  decodeMessage,
} from "dhcp4-ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { dhclient, dhcpcd, udhcpc } from "./client-programs.ts";
import { PI_3B, PI_4_NEW, PI_4_OLD, PI_5 } from "./golden-packets.ts";
import { BOOT_ANSWER } from "./policy.ts";
import {
  type Capture,
  type Captured,
  type Lines,
  runToEnd,
  type Service,
  startCapture,
  startClient,
  startRouter,
  startService,
} from "./support.ts";

const PROXY = "10.9.0.1";
const ROUTER = "10.9.0.2";
const BROADCAST = { address: "255.255.255.255", port: 67 };
const PXE_CLASS = "PXEClient:Arch:00000:UNDI:002001";
const TOOLS = ["root", "dnsmasq", "udhcpc", "dhclient", "dhcpcd", "tcpdump"];

/** What we said to whom; the answer to the Pi that ends a capture proves that it saw everything before. */
function ours(captured: readonly Captured[]): Captured[] {
  return captured.filter(({ source }) => source.address === PROXY);
}

describeWith(TOOLS, "the proxy beside a router", () => {
  let lab: Lab;
  let proxy: Host;
  let pi: Host;
  let service: Service;
  let router: Lines<string>;
  let capture: Capture;
  let clients = 0;

  beforeAll(async () => {
    lab = new Lab("proxy");
    proxy = lab.addHost("proxy", { address: `${PROXY}/24` });
    pi = lab.addHost("pi", { address: "10.9.0.60/24" });
    router = await startRouter(lab, lab.addHost("router", { address: `${ROUTER}/24` }));
    service = await startService(lab, proxy, { mode: "proxy" });
    capture = await startCapture(lab, proxy);
  });

  afterAll(() => lab.dispose());

  function addClient(): { host: Host; mac: string } {
    clients += 1;
    const mac = `02:00:00:00:10:${clients.toString(16).padStart(2, "0")}`;
    return { host: lab.addHost(`c${clients}`, { mac }), mac };
  }

  async function getsLeaseFromRouter(mac: string): Promise<void> {
    await router.waitFor(
      `the router's ACK to ${mac}`,
      (line) => line.includes("DHCPACK") && line.includes(mac),
    );
    await service.events.waitFor(
      `the proxy to ignore ${mac}`,
      (event) => event.type === "ignored" && event.message.mac === mac,
    );
  }

  test("udhcpc gets its lease from the router", async () => {
    const { host, mac } = addClient();
    const { code, output } = await runToEnd(lab, host, udhcpc("-q", "-n"));
    expect(output).toContain(`obtained from ${ROUTER}`);
    expect(code).toBe(0);
    await getsLeaseFromRouter(mac);
  });

  test("udhcpc that calls itself a PXE client gets its lease from the router", async () => {
    const { host, mac } = addClient();
    const { code, output } = await runToEnd(lab, host, udhcpc("-q", "-n", "-V", PXE_CLASS));
    expect(output).toContain(`obtained from ${ROUTER}`);
    expect(code).toBe(0);
    await getsLeaseFromRouter(mac);
  });

  test("dhclient gets its lease from the router", async () => {
    const { host, mac } = addClient();
    const { code, output } = await runToEnd(lab, host, dhclient());
    expect(output).toContain(`from ${ROUTER}`);
    expect(code).toBe(0);
    await getsLeaseFromRouter(mac);
  });

  test("dhclient that speaks like a PC's PXE ROM gets its lease from the router", async () => {
    const { host, mac } = addClient();
    const config = [
      "option arch code 93 = unsigned integer 16;",
      "option uuid code 97 = string;",
      `send vendor-class-identifier "${PXE_CLASS}";`,
      "send arch 0;",
      "send uuid 00:4c:4c:45:44:00:33:50:10:80:52:b4:c0:4f:4e:32:32;",
    ].join("\n");
    const { code, output } = await runToEnd(lab, host, dhclient({ config }));
    expect(output).toContain(`from ${ROUTER}`);
    expect(code).toBe(0);
    await getsLeaseFromRouter(mac);
  });

  test("dhcpcd gets its lease from the router", async () => {
    const { host, mac } = addClient();
    const { output } = await runToEnd(lab, host, dhcpcd("--oneshot"));
    expect(output).toContain(`acknowledged`);
    expect(output).toContain(ROUTER);
    await getsLeaseFromRouter(mac);
  });

  for (const golden of [PI_3B, PI_4_OLD, PI_4_NEW, PI_5])
    test(`${golden.name} is offered the boot by us and its address by the router`, async () => {
      const client = await startClient(lab, pi, { packets: [golden.bytes.toHex()], to: BROADCAST });
      const byUs = await client.reply("our offer", ({ from }) => from.address === PROXY);
      await router.waitFor(
        "the router's offer",
        (line) => line.includes("DHCPOFFER") && line.includes(golden.mac),
      );
      expect(byUs.from.port).toBe(67);
      expect(byUs.message).toMatchObject({ xid: golden.xid, yiaddr: "0.0.0.0", siaddr: PROXY });
      const { options } = byUs.message;
      expect(readOption(options, "messageType")).toBe(2);
      expect(readOption(options, "serverIdentifier")).toBe(PROXY);
      expect(readOption(options, "tftpServerName")).toBe(PROXY);
      expect(readOption(options, "vendorClass")).toBe("PXEClient");
      expect(options.get(97)).toEqual(decodeMessage(golden.bytes).options.get(97));
      expect(decodePxeMenu(options.get(43) ?? new Uint8Array())).toEqual(BOOT_ANSWER.menu);
    });

  test("on port 4011 a Pi's REQUEST is acknowledged to the port it came from", async () => {
    const discover = decodeMessage(PI_4_NEW.bytes);
    const request = encodeMessage({
      ...discover,
      xid: 0x4011,
      ciaddr: "10.9.0.60",
      options: new Map([...discover.options, ...makeOptions({ messageType: messageTypeValue("REQUEST") })]),
    });
    const client = await startClient(lab, pi, {
      port: 1068,
      packets: [request.toHex()],
      to: { address: PROXY, port: 4011 },
    });
    const { message, from } = await client.reply("the acknowledgement");
    expect(from).toEqual({ address: PROXY, port: 4011 });
    expect(readOption(message.options, "messageType")).toBe(messageTypeValue("ACK"));
    expect(message.siaddr).toBe(PROXY);
  });

  test("the capture shows not one packet of ours to anybody but the Pis", async () => {
    // The last of the wire is an answer to a Pi, so that nothing before it can be missing.
    const last = encodeMessage({ ...decodeMessage(PI_4_NEW.bytes), xid: 0x1a57 });
    const client = await startClient(lab, pi, { packets: [last.toHex()], to: BROADCAST });
    await client.reply("the last offer", ({ from }) => from.address === PROXY);
    const captured = await capture.stopAfter(
      ({ source, message }) => source.address === PROXY && message.xid === 0x1a57,
    );
    const xids = new Set([PI_3B, PI_4_OLD, PI_4_NEW, PI_5].map(({ xid }) => xid).concat(0x4011, 0x1a57));
    expect(ours(captured).length).toBe(6);
    expect(ours(captured).filter(({ message }) => !xids.has(message.xid))).toEqual([]);
    // And the others were there to be answered.
    const asked = new Set(
      captured
        .filter(({ message }) => message.op === "request")
        .map(({ message }) => message.hardwareAddress.toHex()),
    );
    for (let index = 1; index <= clients; index++)
      expect(asked).toContain(`02000000100${index.toString(16)}`);
  });
});
