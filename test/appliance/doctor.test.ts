/** The doctor on networks with something wrong, each made of namespaces. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { z } from "zod";
import { startDnsmasq } from "../boot/router.ts";
import { PI_4_NEW } from "../dhcp/golden-packets.ts";
import { startClient } from "../dhcp/support.ts";
import { runProgram } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { DoctorLab, examined } from "./doctor-lab.ts";
import { discoverOf } from "../support/dhcp-discover.ts";

const Network = z.object({
  interfaces: z.array(z.looseObject({ name: z.string(), link: z.boolean(), served: z.boolean() })),
  ports: z.array(z.looseObject({ service: z.string(), port: z.number() })),
  ignored: z.array(
    z.looseObject({
      service: z.string(),
      who: z.string(),
      name: z.string().nullable(),
      reason: z.string(),
      fix: z.string().nullable(),
    }),
  ),
});
const BROADCAST = { address: "255.255.255.255", port: 67 };

describeWith(["root", "dnsmasq", "nft"], "the doctor", () => {
  let lab: DoctorLab;
  beforeEach(() => {
    lab = new DoctorLab();
  });
  afterEach(() => lab.dispose());

  const ETH0 = ["--interface", "eth0"];
  async function dnsmasq(name: string, address: string, ...flags: string[]): Promise<void> {
    await startDnsmasq(lab.lab, lab.lab.addHost(name, { address: `${address}/24` }), flags);
  }
  const nft = (...words: string[]) => runProgram([...lab.host.run, "nft", ...words]);

  test("without a router it says who could give addresses, and ends with 1", async () => {
    await lab.serve(ETH0);
    const { code, stdout } = await runProgram(lab.command("doctor", "--json"));
    const { wrong, words } = examined(JSON.parse(stdout));
    expect(wrong).toContain("router problem");
    expect(words).toContain("serve --dhcp server --interface eth0");
    expect(code).toBe(1);
  }, 60_000);

  test("beside one router it finds the network well, and names a second PXE server", async () => {
    await dnsmasq("router", "10.0.0.1", "--dhcp-range=10.0.0.100,10.0.0.150,1h");
    await lab.serve(ETH0);
    const before = await lab.examine();
    expect(before.words).toContain("10.0.0.1 gives addresses on eth0");
    expect(before.wrong).not.toContain("pxe warning");
    await dnsmasq("rival", "10.0.0.9", "--dhcp-range=10.0.0.0,proxy", "--pxe-service=x86PC,boot,pxelinux");
    const { wrong, words } = await lab.examine();
    expect(wrong).toContain("pxe warning");
    expect(words).toContain("10.0.0.9 offers boot files on eth0 too");
  }, 60_000);

  test("a firewall that drops what Pis send is named with its remedy, port by port", async () => {
    await lab.serve(ETH0);
    expect((await nft("add", "table", "inet", "guard")).code).toBe(0);
    const chain = "{ type filter hook input priority 0; policy drop; }";
    await nft("add", "chain", "inet", "guard", "input", chain);
    const { words } = await lab.examine();
    for (const port of ["67/udp", "69/udp", "3260/tcp", "8069/tcp"])
      expect(words).toContain(`sudo ufw allow ${port}`);
    await nft("add", "rule", "inet", "guard", "input", "tcp", "dport", "{ 3260, 8069 }", "accept");
    await nft("add", "rule", "inet", "guard", "input", "udp", "dport", "{ 67, 69, 4011 }", "accept");
    const after = await lab.examine();
    expect(after.wrong).not.toContain("firewall problem");
    expect(after.words).toContain("The firewall lets in what Pis need");
  }, 60_000);

  test("a firewall is seen also by a server that gave root's rights away", async () => {
    await nft("add", "table", "inet", "guard");
    const chain = "{ type filter hook input priority 0; policy drop; }";
    await nft("add", "chain", "inet", "guard", "input", chain);
    const env = { SUDO_UID: "61234", SUDO_GID: "61234", SUDO_USER: "caller" };
    chmodSync(lab.folder.path, 0o711);
    await lab.serve([...ETH0, "--dhcp", "off"], { env });
    expect((await lab.examine()).words).toContain("sudo ufw allow 3260/tcp");
  }, 60_000);

  test("a pulled cable, with the one that has a link, and a Pi that runs from its card, are told", async () => {
    await lab.serve([...ETH0, "--dhcp", "off"]);
    const pi = lab.lab.addHost("pi", { address: "10.0.0.77/24", mac: "dc:a6:32:0a:0b:0c" });
    expect((await runProgram([...pi.run, "ping", "-c", "1", "10.0.0.2"])).code).toBe(0);
    expect((await lab.examine()).words).toContain(
      "dc:a6:32:0a:0b:0c) is at 10.0.0.77 and never asked to boot",
    );
    lab.lab.addWire(lab.host, "eth1", { address: "10.1.0.2/24" });
    lab.lab.setLink(lab.host, "eth0", "down");
    const { wrong, words } = await lab.examine();
    expect(wrong).toContain("link problem");
    expect(words).toContain("eth1 has a link");
  }, 60_000);

  test("served interfaces that programs made (Docker's bridge, a VPN) are told with the names of real ones", async () => {
    const ip = (...words: string[]) => runProgram([...lab.host.run, "ip", ...words]);
    for (const [name, type] of [
      ["mycontainers", "bridge"],
      ["office", "tun"],
    ] as const) {
      const made =
        type === "tun" ? ["tuntap", "add", name, "mode", type] : ["link", "add", name, "type", type];
      expect((await ip(...made)).code).toBe(0);
      await ip("link", "set", name, "up");
    }
    await lab.serve(["--dhcp", "off", "--interface", "mycontainers", "--interface", "office"]);
    const { words } = await lab.examine();
    expect(words).toContain("mycontainers is made by a program");
    expect(words).toContain("office is made by a program");
    expect(words).toContain("--interface NAME, one of eth0");
  }, 60_000);

  test("ports that other programs hold are told with the programs' names", async () => {
    const hold = (listen: string) => {
      const script = `${listen};console.log('up');setInterval(()=>{},1e6)`;
      return lab.lab.spawn(lab.host, [process.execPath, "-e", script]).stdout.getReader().read();
    };
    await hold("Bun.listen({hostname:'0.0.0.0',port:3260,socket:{data(){}}})");
    await hold("await Bun.udpSocket({hostname:'0.0.0.0',port:69})");
    await hold("await Bun.udpSocket({hostname:'0.0.0.0',port:67})");
    await lab.serve(ETH0);
    const { wrong, words } = await lab.examine();
    expect(wrong).toContain("server problem");
    expect(words).toMatch(/iSCSI cannot listen on TCP port 3260: it is in use by .+ \(process \d+\)/);
    expect(words).toMatch(/TFTP cannot listen on .*69.*in use by .+ \(process \d+\)/);
    expect(words).toMatch(/DHCP cannot listen on UDP port 67: it is in use by .+ \(process \d+\)/);
  }, 60_000);

  test("who asked and got no answer is told, with why, and what to do for a Pi", async () => {
    await lab.serve([...ETH0, "--adopt", "off"]);
    const peer = lab.lab.addHost("peer", { address: "10.0.0.50/24" });
    const laptop = discoverOf({ hostName: "\u001b[2Jann<b>s</b>", vendorClass: "MSFT 5.0" });
    const packets = [PI_4_NEW.bytes, laptop, Uint8Array.of(1, 2, 3)].map((bytes) => bytes.toHex());
    await startClient(lab.lab, peer, { packets, to: BROADCAST, repeatMs: 200 });
    const all = async (): Promise<z.infer<typeof Network>> => {
      const network = await lab.get("/api/network", Network);
      return network.ignored.length >= 3 ? network : all();
    };
    const { ignored, interfaces, ports } = await all();
    expect(interfaces).toContainEqual(
      expect.objectContaining({ name: "eth0", kind: "wired", link: true, served: true }),
    );
    expect(ports.map(({ port }) => port)).toEqual([67, 4011, 69, 3260, 8069]);
    expect(ignored).toContainEqual(
      expect.objectContaining({
        service: "DHCP",
        who: PI_4_NEW.mac,
        reason: "An unknown Pi, and --adopt off ignores those",
        fix: expect.stringMatching(/^pinetboot pi assign \w+ --image IMAGE$/),
      }),
    );
    expect(ignored).toContainEqual(
      expect.objectContaining({ who: "02:00:00:00:00:09", name: "[2Jann<b>s</b>", vendor: "MSFT 5.0" }),
    );
    expect(ignored).toContainEqual(
      expect.objectContaining({ reason: expect.stringContaining("no DHCP message") }),
    );
    const { stdout } = await runProgram(lab.command("doctor"));
    expect(stdout).toContain(`${PI_4_NEW.mac} asked DHCP on eth0 and got no answer: An unknown Pi`);
    expect(stdout).toMatch(/02:00:00:00:00:09 +\[2Jann<b>s<\/b> +DHCP on eth0/);
    // What came from the network moves no cursor.
    expect(stdout).not.toContain("\u001b");
  }, 60_000);
});
