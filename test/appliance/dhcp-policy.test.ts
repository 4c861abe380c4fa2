/** Who is answered over DHCP and who is not, with the whole server in a network of its own. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addRouter } from "../boot/router.ts";
import { runPi } from "../sim/pi/index.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const PI = { profile: "pi4", serial: "10000000a1b2c304", mac: "e4:5f:01:b2:c3:04", key: "a1b2c304" } as const;
/** A Pi that waits in vain waits a tenth of a real one's time. */
const TIME_FACTOR = 0.1;
const FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:0", "--no-shim-build"];

describeWith(["root", "dnsmasq", "udhcpc", "setpriv"], "serve on a network", () => {
  let folder = temporaryFolder("dhcp");
  let lab: Lab;
  let host: Host;
  const servers: TestServer[] = [];

  beforeEach(() => {
    folder = temporaryFolder("dhcp");
    lab = new Lab("dhcp-policy");
    host = lab.addHost("server", { address: "10.0.0.2/24" });
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop("SIGKILL");
    await lab.dispose();
    folder.dispose();
  });

  /** With a cache of its own there is no shim. */
  async function start(flags: readonly string[], cache?: string): Promise<TestServer> {
    const server = await TestServer.start({
      data: join(folder.path, "data"),
      run: host.run,
      flags: [...FLAGS, ...flags],
      ...(cache !== undefined && { env: { XDG_CACHE_HOME: cache } }),
    });
    servers.push(server);
    return server;
  }

  const powerOn = () =>
    runPi(lab, { ...PI, tap: lab.addTap(), outDir: join(folder.path, "pi"), timeFactor: TIME_FACTOR });

  /** What udhcpc is told by a script that prints its words. */
  async function askForAddress(client: Host, tell = "bound $ip", ...more: string[]): Promise<string> {
    const script = join(folder.path, "script");
    writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && echo "${tell}"\nexit 0\n`, { mode: 0o755 });
    const words = ["udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "3", "-T", "2", "-s", script];
    words.push("-O", "rootpath", "-O", "224", "-O", "43", ...more);
    return (await runProgram([...client.run, ...words])).stdout;
  }

  test("without a shim a Pi is left alone, and an event tells why and what to do", async () => {
    await addRouter(lab);
    const server = await start([], folder.path);
    expect(server.ready.shim).toBe("missing");
    expect(server.ready.dhcp).toEqual({ mode: "proxy", interfaces: ["eth0"] });
    expect((await powerOn()).outcome).toBe("stopped");
    const step = await server.step(({ pi, stage }) => pi === PI.key && stage === "dhcp");
    expect(step).toMatchObject({
      fix: "pinetboot shim build",
      detail: expect.stringContaining("no boot shim"),
    });
    expect(server.steps.filter(({ stage }) => stage === "tftp")).toEqual([]);
  }, 60_000);

  test("--adopt off leaves an unknown Pi alone, and it is seen in the list", async () => {
    await addRouter(lab);
    const server = await start(["--adopt", "off"]);
    expect((await powerOn()).outcome).toBe("stopped");
    const listed = await server.cli("pi", "list");
    expect(listed.stdout).toContain(PI.key);
  }, 60_000);

  test("--dhcp server refuses in one line when another server answers", async () => {
    await addRouter(lab);
    const refused = await runProgram([
      ...host.run,
      ...SOURCE,
      "serve",
      "--data",
      join(folder.path, "data"),
      ...FLAGS,
      "--dhcp",
      "server",
    ]);
    expect(refused.code).toBe(1);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
    expect(refused.stderr).toContain("Another DHCP server answers on eth0: 10.0.0.1");
  }, 30_000);

  test("--dhcp server gives a client an address, the same one after a restart", async () => {
    const client = lab.addHost("client");
    const first = await start(["--dhcp", "server", "--dhcp-range", "10.0.0.50-10.0.0.60"], folder.path);
    expect(first.ready.dhcp.mode).toBe("server");
    const bound = await askForAddress(client);
    expect(bound).toMatch(/^bound 10\.0\.0\.(5\d|60)\n/);
    expect(await first.stop()).toBe(0);
    const second = await start(["--dhcp", "server", "--dhcp-range", "10.0.0.50-10.0.0.60"], folder.path);
    // Another client in between does not get what was given.
    const other = await askForAddress(lab.addHost("other"));
    expect(other).toMatch(/^bound /);
    expect(other).not.toBe(bound);
    expect(await askForAddress(client)).toBe(bound);
    expect(second.ready.dhcp.interfaces).toEqual(["eth0"]);
  }, 60_000);

  test("--dhcp server tells a chosen Pi its disk by options 17 and 224, and tells nobody else", async () => {
    const image = join(folder.path, "root.img");
    writeFileSync(image, new Uint8Array(1 << 20).fill(7));
    const pi = lab.addHost("pi", { mac: PI.mac });
    const server = await start(["--dhcp", "server"], folder.path);
    await server.cli("image", "import", image, "--name", "root");
    await server.cli("pi", "assign", PI.mac, "--image", "root");
    const [path, mode] = (await askForAddress(pi, "$rootpath $opt224")).trim().split(" ");
    const [session] = JSON.parse((await server.cli("session", "list", "--json")).stdout);
    expect(path).toBe(`iscsi:10.0.0.2::3260:0:${session.iqn}`);
    expect(Buffer.from(mode ?? "", "hex").toString()).toBe("pivot");
    expect(await askForAddress(lab.addHost("laptop"), "told:$rootpath$opt224$opt43")).toBe("told:\n");
    // The shim says who it is, and is told the boot endpoint with its lease.
    const told = await askForAddress(lab.addHost("shim"), "$opt43", "-V", "pinetboot");
    expect(Buffer.from(told.trim(), "hex").subarray(0, 15).toString("latin1")).toBe("\x01\x0d10.0.0.2:8069");
  }, 60_000);

  test("without the rights DHCP and TFTP say so in one line each with the remedy, and the rest is served", async () => {
    chownSync(folder.path, 65_534, 65_534);
    const user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all"];
    const server = await TestServer.start({
      data: join(folder.path, "data"),
      run: [...host.run, ...user, "--bounding-set", "-all"],
      flags: FLAGS,
      env: { HOME: folder.path, XDG_CACHE_HOME: folder.path },
    });
    servers.push(server);
    expect(server.ready).toMatchObject({ tftp: null, dhcp: { mode: "off", interfaces: [] } });
    expect(server.ready.iscsi).toBe("10.0.0.2:3260");
    const failures = server.steps.filter(({ state }) => state === "fail");
    expect(failures.map(({ detail }) => detail)).toEqual([
      "TFTP cannot listen on UDP port 69: ports below 1024 need a right that this process lacks",
      "DHCP cannot listen on UDP port 67: ports below 1024 need a right that this process lacks",
    ]);
    for (const { fix } of failures) expect(fix).toContain("setcap 'cap_net_bind_service,cap_net_raw=+ep'");
  }, 30_000);

  test("a network that was not chosen is not told any login", async () => {
    lab.addWire(host, "eth1", { address: "10.0.9.2/24" });
    const stranger = lab.addHost("stranger", { address: "10.0.9.7/24" });
    const server = await start([]);
    const port = server.ready.report?.split(":")[1];
    const url = `http://10.0.9.2:${port}/v1/parameters?serial=${PI.serial}&boot=x`;
    const words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url];
    const asked = await runProgram([...stranger.run, ...words]);
    expect(asked.stdout).toBe("403");
  }, 30_000);
});
