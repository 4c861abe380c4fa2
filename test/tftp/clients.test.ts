/** Clients that people use, beside the server and behind a bad cable: each file arrives byte for byte. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeWith } from "../support/tools.ts";
import type { Host } from "../sim/net/lab.ts";
import { openTftpLab, run, SERVER, type TftpLab, until } from "./tftp-lab.ts";

setDefaultTimeout(60_000);

/** A row: the client's command line for a remote and a local name. */
const CLIENTS: readonly (readonly [name: string, command: (remote: string, local: string) => string[]])[] = [
  ["tftp-hpa", (remote, local) => ["tftp", "-m", "binary", SERVER, "-c", "get", remote, local]],
  ["tftp-hpa, netascii", (remote, local) => ["tftp", "-m", "ascii", SERVER, "-c", "get", remote, local]],
  ["curl", (remote, local) => curl(512, remote, local)],
  ["curl, blksize 1468", (remote, local) => curl(1468, remote, local)],
  [
    "curl without options",
    (remote, local) => ["curl", "-sS", "--tftp-no-options", "-o", local, `tftp://${SERVER}/${remote}`],
  ],
  ["atftp", (remote, local) => ["atftp", "-g", "-r", remote, "-l", local, SERVER]],
  ["atftp, windowsize 8", (remote, local) => atftp(8, remote, local)],
  ["atftp, windowsize 64", (remote, local) => atftp(64, remote, local)],
  [
    "busybox tftp",
    (remote, local) => ["busybox", "tftp", "-g", "-b", "1468", "-r", remote, "-l", local, SERVER],
  ],
];

function curl(blockBytes: number, remote: string, local: string): string[] {
  return ["curl", "-sS", "--tftp-blksize", String(blockBytes), "-o", local, `tftp://${SERVER}/${remote}`];
}

function atftp(windowBlocks: number, remote: string, local: string): string[] {
  const options = ["--option", "blksize 1468", "--option", `windowsize ${windowBlocks}`];
  return ["atftp", "-g", "-r", remote, "-l", local, ...options, SERVER];
}

describeWith(["root", "tftp", "curl", "atftp", "busybox"], "real TFTP clients", () => {
  let net: TftpLab;

  beforeAll(async () => {
    net = await openTftpLab();
    const sizes = { empty: 0, small: 300, "two-blocks": 1024, kernel: 150_000, large: 34_000_000 };
    for (const [name, size] of Object.entries(sizes))
      writeFileSync(join(net.folder, name), randomBytes(size));
  });

  afterAll(() => net.dispose());

  async function sysctl(host: Host, setting: string): Promise<void> {
    const [name = "", value = ""] = setting.split("=");
    const script = `echo ${value} > /proc/sys/${name.replaceAll(".", "/")}`;
    expect(await run(net.lab, host, ["sh", "-c", script], "/")).toEqual({ said: "", code: 0 });
  }

  async function fetches(
    host: "near" | "far",
    command: (remote: string, local: string) => string[],
    remote: string,
  ): Promise<void> {
    const local = `${host}-${crypto.randomUUID()}`;
    const { said, code } = await run(net.lab, net[host], command(remote, local), net.downloads);
    expect({ said, code }).toEqual({ said: expect.any(String), code: 0 });
    const [got, served] = [join(net.downloads, local), join(net.folder, remote)].map((p) => readFileSync(p));
    expect(got && served && Buffer.compare(got, served), said).toBe(0);
  }

  describe("beside the server", () => {
    test.each(CLIENTS)("%s fetches files of every kind of end", async (_name, command) => {
      for (const remote of ["small", "two-blocks", "kernel"]) await fetches("near", command, remote);
    });

    // Not curl: it takes the true answer "tsize 0" for an error, whoever serves.
    test.each(CLIENTS.filter(([name]) => ["tftp-hpa", "atftp", "busybox tftp"].includes(name)))(
      "%s fetches an empty file",
      async (_name, command) => fetches("near", command, "empty"),
    );

    test.each(CLIENTS.filter(([name]) => ["curl", "atftp, windowsize 64"].includes(name)))(
      "%s fetches 34 MB, which is more than 65535 blocks of 512 bytes",
      async (_name, command) => {
        const withoutBlksize = (remote: string, local: string): string[] =>
          command(remote, local).flatMap((word) => (word === "blksize 1468" ? "blksize 512" : word));
        await fetches("near", withoutBlksize, "large");
      },
    );

    test("fifty clients at once each get their megabyte", async () => {
      writeFileSync(join(net.folder, "megabyte"), randomBytes(1_000_000));
      const script = `for i in $(seq 50); do curl -sS --tftp-blksize 1468 -o many-$i tftp://${SERVER}/megabyte & done; wait`;
      const { said } = await run(net.lab, net.near, ["sh", "-c", script], net.downloads);
      expect(said).toBe("");
      const served = readFileSync(join(net.folder, "megabyte"));
      for (let i = 1; i <= 50; i++)
        expect(Buffer.compare(readFileSync(join(net.downloads, `many-${i}`)), served)).toBe(0);
    });
  });

  describe("behind 1 ms each way and 1 % loss", () => {
    test.each(CLIENTS)("%s fetches 150 KB", async (_name, command) => {
      await fetches("far", command, "kernel");
    });

    test("the server repeated what was lost", async () => {
      const done = (): number =>
        net.events.filter((e) => e.kind === "done" && e.client.address === "10.69.0.20").length;
      await until(() => done() === CLIENTS.length);
      const repeated = net.events.map((e) => (e.kind === "done" ? e.retransmits : 0));
      expect(Math.max(...repeated)).toBeGreaterThan(0);
    });

    test("a client that answers no ARP while it loads, as some Pis, gets its file", async () => {
      // The kernel doubts its neighbours after a second instead of half a minute.
      const settings = "base_reachable_time_ms=500 delay_first_probe_time=1 ucast_solicit=1 mcast_solicit=1";
      for (const setting of settings.split(" ")) await sysctl(net.server, `net.ipv4.neigh.eth0.${setting}`);
      writeFileSync(join(net.folder, "slow"), randomBytes(800_000));
      net.events.length = 0;
      const begun = performance.now();
      const fetched = fetches("far", (remote, local) => curl(512, remote, local), "slow");
      await until(() => net.events.some(({ kind }) => kind === "progress"));
      await sysctl(net.far, "net.ipv4.conf.eth0.arp_ignore=8");
      await fetched;
      // Long enough that the kernel had doubts. The server's own account comes when the last word was heard, if it was.
      expect(performance.now() - begun).toBeGreaterThan(2000);
    });
  });
});
