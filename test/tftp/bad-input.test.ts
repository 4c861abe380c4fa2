/** What goes wrong on a LAN and who tries it: each gets a clear answer, and the server goes on. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FetchOptions } from "../sim/tftp-fetch.ts";
import { describeWith } from "../support/tools.ts";
import { openTftpLab, residentKiB, run, SERVER, socketsOf, type TftpLab, until } from "./tftp-lab.ts";

setDefaultTimeout(60_000);

describeWith(["root", "tftp", "curl", "atftp", "socat"], "a TFTP server on a LAN", () => {
  let net: TftpLab;
  let idleSockets = 0;

  beforeAll(async () => {
    net = await openTftpLab();
    mkdirSync(join(net.folder, "overlays"));
    writeFileSync(join(net.folder, "config.txt"), "arm_64bit=1\n");
    writeFileSync(join(net.folder, "large"), new Uint8Array(20_000_000));
    idleSockets = socketsOf(net.process.pid);
  });

  afterAll(() => net.dispose());

  afterEach(async () => {
    const { said, code } = await sh(`curl -sS tftp://${SERVER}/config.txt`);
    expect({ said, code }).toEqual({ said: "arm_64bit=1\n", code: 0 });
  });

  const sh = (script: string) => run(net.lab, net.near, ["sh", "-c", script], net.downloads);

  const fetchAs = (options: Omit<FetchOptions, "server">, times = 1) => {
    const wishes = { times, options: { server: { address: SERVER, port: 69 }, ...options } };
    const program = [process.execPath, join(import.meta.dir, "fetch.ts"), JSON.stringify(wishes)];
    return run(net.lab, net.near, program, net.downloads);
  };

  describe("is asked for what it does not give", () => {
    test.each([
      ["a missing file", "get none.dtb x", "there is no none.dtb"],
      ["a folder", "get overlays x", "overlays is a folder"],
      ["a way out", "get ../../etc/passwd x", "climbs out with .."],
      ["a way out in the middle", "get a/../../etc/passwd x", "climbs out with .."],
      ["a write", "put /etc/hostname config.txt", "read-only"],
    ])("%s", async (_name, command, words) => {
      const { said } = await sh(`tftp -m binary ${SERVER} -c ${command}`);
      expect(said).toContain(words);
    });

    test("an upload by curl", async () => {
      expect((await sh(`curl -sS -T /etc/hostname tftp://${SERVER}/config.txt`)).code).not.toBe(0);
    });
  });

  test("options out of their range are ignored and the file comes", async () => {
    for (const [option, value] of [
      ["blksize", "7"],
      ["blksize", "-1"],
      ["windowsize", "0"],
      ["timeout", "999"],
    ] as const) {
      const { said } = await fetchAs({ path: "config.txt", options: [[option, value]] });
      expect(JSON.parse(said)).toMatchObject({ how: "done", bytes: 12, oack: {} });
    }
  });

  test("three thousand packets of garbage cost nothing that stays", async () => {
    const before = residentKiB(net.process.pid);
    // socat sends one packet for each block that it reads.
    const flood = `head -c 600000 /dev/urandom | socat -b 200 -u - UDP4-SENDTO:${SERVER}:69`;
    expect((await sh(flood)).code).toBe(0);
    await sh(`printf '\\0\\1' | socat -u - UDP4-SENDTO:${SERVER}:69`);
    await sh(`head -c 60000 /dev/zero | socat -b 60000 -u - UDP4-SENDTO:${SERVER}:69`);
    await until(() => net.events.some((e) => e.kind === "refused" && e.message.includes("too long")));
    expect(residentKiB(net.process.pid) - before).toBeLessThan(32 * 1024);
  });

  describe("leaves no socket behind", () => {
    test("two hundred probes that end with Early terminate from one port", async () => {
      const { said } = await fetchAs(
        { path: "large", options: [["tsize", "0"]], abortAfterOack: true, local: { port: 49152 } },
        200,
      );
      expect(said.trim().split("\n")).toHaveLength(200);
      expect(new Set(said.trim().split("\n"))).toEqual(
        new Set([JSON.stringify({ how: "aborted", oack: { tsize: "20000000" } })]),
      );
      await until(() => socketsOf(net.process.pid) === idleSockets);
    });

    test("a client that is killed in the middle", async () => {
      const client = net.lab.spawn(net.near, [
        "curl",
        "-sS",
        "--limit-rate",
        "100K",
        `tftp://${SERVER}/large`,
      ]);
      await until(() => net.events.some((e) => e.kind === "progress"));
      client.kill("SIGKILL");
      await until(() => socketsOf(net.process.pid) === idleSockets);
    });
  });

  describe("has two interfaces in one network", () => {
    const second = "10.69.0.2";

    test("and answers from the address that was asked, also when that came later", async () => {
      net.lab.addWire(net.server, "eth1", { address: `${second}/24` });
      await until(() => net.events.some((e) => e.kind === "listening" && e.addresses.includes(second)));
      const { said, code } = await sh(`curl -sS tftp://${second}/config.txt`);
      expect({ said, code }).toEqual({ said: "arm_64bit=1\n", code: 0 });
      const { said: refusal } = await sh(`tftp ${second} -c get none x`);
      expect(refusal).toContain("there is no none");
    });
  });
});
