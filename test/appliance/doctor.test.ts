/** The doctor on networks with something wrong, each made of namespaces. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { startDnsmasq } from "../boot/router.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { runProgram, SOURCE, TestServer, temporaryFolder } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const Findings = z.array(
  z.object({ check: z.string(), level: z.string(), detail: z.string(), fix: z.string().nullable() }),
);
const FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:0", "--no-shim-build"];

describeWith(["root", "dnsmasq", "nft"], "the doctor", () => {
  let folder = temporaryFolder("doctor");
  let lab: Lab;
  let host: Host;
  let server: TestServer | undefined;

  beforeEach(() => {
    folder = temporaryFolder("doctor");
    lab = new Lab("doctor");
    host = lab.addHost("laptop", { address: "10.0.0.2/24" });
  });
  afterEach(async () => {
    await server?.stop("SIGKILL");
    server = undefined;
    await lab.dispose();
    folder.dispose();
  });

  async function serve(...flags: string[]): Promise<void> {
    server = await TestServer.start({
      data: join(folder.path, "data"),
      run: host.run,
      flags: [...FLAGS, ...flags],
    });
  }

  /** "check level" of each finding that is not well, and the words of all. */
  async function examine(): Promise<{ wrong: string[]; words: string; code: number }> {
    const command = [...host.run, ...SOURCE, "doctor", "--json", "--data", join(folder.path, "data")];
    const { code, stdout, stderr } = await runProgram(command);
    const findings = Findings.parse(JSON.parse(stdout || stderr));
    return {
      code,
      wrong: findings.filter(({ level }) => level !== "ok").map(({ check, level }) => `${check} ${level}`),
      words: findings.map(({ detail, fix }) => `${detail} ${fix ?? ""}`).join("\n"),
    };
  }

  async function dnsmasq(name: string, address: string, ...flags: string[]): Promise<void> {
    await startDnsmasq(lab, lab.addHost(name, { address: `${address}/24` }), flags);
  }

  const nft = (...words: string[]) => runProgram([...host.run, "nft", ...words]);

  test("without a router it says who could give addresses", async () => {
    await serve();
    const { wrong, words, code } = await examine();
    expect(wrong).toContain("router problem");
    expect(words).toContain("serve --dhcp server --interface eth0");
    expect(code).toBe(1);
  }, 30_000);

  test("beside one router it finds the network well, and names a second PXE server", async () => {
    await dnsmasq("router", "10.0.0.1", "--dhcp-range=10.0.0.100,10.0.0.150,1h");
    await serve();
    const before = await examine();
    expect(before.words).toContain("10.0.0.1 gives addresses on eth0");
    expect(before.wrong).not.toContain("pxe warning");
    await dnsmasq("rival", "10.0.0.9", "--dhcp-range=10.0.0.0,proxy", "--pxe-service=x86PC,boot,pxelinux");
    const { wrong, words } = await examine();
    expect(wrong).toContain("pxe warning");
    expect(words).toContain("10.0.0.9 offers boot files on eth0 too");
  }, 60_000);

  test("a firewall that drops what Pis send is named with its remedy", async () => {
    await serve("--dhcp", "off");
    expect((await nft("add", "table", "inet", "guard")).code).toBe(0);
    await nft(
      "add",
      "chain",
      "inet",
      "guard",
      "input",
      "{ type filter hook input priority 0; policy drop; }",
    );
    expect((await examine()).words).toContain("sudo ufw allow 3260/tcp");
    await nft("add", "rule", "inet", "guard", "input", "tcp", "dport", "{ 3260, 8069 }", "accept");
    await nft("add", "rule", "inet", "guard", "input", "udp", "dport", "69", "accept");
    const { words, wrong } = await examine();
    expect(wrong).not.toContain("firewall problem");
    expect(words).toContain("The firewall lets in what Pis need");
  }, 30_000);

  test("a pulled cable, and a Pi that runs from its card, are told", async () => {
    await serve("--dhcp", "off");
    const pi = lab.addHost("pi", { address: "10.0.0.77/24", mac: "dc:a6:32:0a:0b:0c" });
    expect((await runProgram([...pi.run, "ping", "-c", "1", "10.0.0.2"])).code).toBe(0);
    expect((await examine()).words).toContain("dc:a6:32:0a:0b:0c) is at 10.0.0.77 and never asked to boot");
    lab.setLink(host, "eth0", "down");
    expect((await examine()).wrong).toContain("link problem");
  }, 30_000);

  test("a port that another program holds is told with the program's name", async () => {
    const holder = lab.spawn(host, [
      process.execPath,
      "-e",
      "Bun.listen({hostname:'0.0.0.0',port:3260,socket:{data(){}}});console.log('up')",
    ]);
    await holder.stdout.getReader().read();
    await serve("--dhcp", "off");
    const { wrong, words } = await examine();
    expect(wrong).toContain("server problem");
    expect(words).toMatch(/iSCSI cannot listen on TCP port 3260: it is in use by .+ \(process \d+\)/);
  }, 30_000);

  test("the report for a bug report holds no secret", async () => {
    await serve("--dhcp", "off");
    const command = ["session", "create", "--json", "--data", join(folder.path, "data")];
    const session = await runProgram([...host.run, ...SOURCE, ...command]);
    const { chap_secret } = z.looseObject({ chap_secret: z.string() }).parse(JSON.parse(session.stdout));
    const file = join(folder.path, "report.json");
    await runProgram([
      ...host.run,
      ...SOURCE,
      "doctor",
      "--report",
      file,
      "--data",
      join(folder.path, "data"),
    ]);
    const report = await Bun.file(file).text();
    expect(report).toContain("was made");
    expect(report).not.toContain(chap_secret);
  }, 30_000);
});
