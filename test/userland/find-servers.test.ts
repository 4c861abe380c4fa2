/** The shim's question for boot servers, by the program that is in the shim, on a network with real servers. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import lock from "../../src/shim/lock.json";
import { run } from "../../src/shim/support/run.ts";
import { buildPrograms } from "../../src/shim/userland/programs.ts";
import { addRouter } from "../boot/router.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { runProgram, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

/** The programs may have to be compiled first. */
const BUILD_MS = 300_000;
const SERIAL = "10000000a1b2c304";

describeWith(
  ["root", "dnsmasq", "udhcpc", "aarch64-linux-gnu-gcc", "dpkg-source", "qemu-aarch64-static"],
  "the shim's question for boot servers",
  () => {
    const folder = temporaryFolder("find");
    const servers: TestServer[] = [];
    let lab: Lab;
    let pi: Host;
    let program: string;

    beforeAll(async () => {
      const packages = new PackageStore({ cacheDir: cacheFolder(), lock });
      const workDir = join(folder.path, "programs");
      program = join(
        await buildPrograms({ workDir, cacheDir: cacheFolder(), run, packages }),
        "find-servers",
      );
      lab = new Lab("find");
      await addRouter(lab);
      pi = lab.addHost("pi", { address: "10.0.0.50/24" });
    }, BUILD_MS);
    afterAll(async () => {
      for (const server of servers) await server.stop("SIGKILL");
      await lab.dispose();
      folder.dispose();
    });

    const serve = async (name: string, address: string, ...flags: string[]): Promise<TestServer> => {
      const host = lab.addHost(name, { address: `${address}/24` });
      const server = await TestServer.start({
        data: join(folder.path, name),
        run: host.run,
        flags: ["--interface", "eth0", "--http", "127.0.0.1:0", "--no-shim-build", ...flags],
      });
      servers.push(server);
      return server;
    };
    const ask = async (...words: string[]): Promise<{ code: number | null; lines: string[] }> => {
      const { code, stdout } = await runProgram([
        ...pi.run,
        "qemu-aarch64-static",
        program,
        "eth0",
        ...words,
      ]);
      return { code, lines: stdout.split("\n").filter(Boolean).toSorted() };
    };

    test("a router that knows nothing gives no answer, and the question ends", async () => {
      expect(await ask(SERIAL)).toEqual({ code: 1, lines: [] });
    }, 30_000);

    test("a server beside the router says where its boot endpoint is, and who it is", async () => {
      await serve("one", "10.0.0.2");
      const { code, lines } = await ask(SERIAL);
      expect(code).toBe(0);
      expect(lines).toEqual([expect.stringMatching(/^10\.0\.0\.2:8069 [\w.-]+$/)]);
    }, 30_000);

    test("with two servers both are named, each once; one that ignores unknown Pis is silent", async () => {
      await serve("two", "10.0.0.3", "--report-port", "8100");
      await serve("three", "10.0.0.4", "--adopt", "off");
      const { lines } = await ask(SERIAL);
      expect(lines.map((line) => line.split(" ")[0])).toEqual(["10.0.0.2:8069", "10.0.0.3:8100"]);
    }, 60_000);

    test("an ordinary client of that class gets its lease from the router, not from a server without addresses", async () => {
      const client = lab.addHost("client");
      const words = ["udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "3", "-T", "2", "-V", "pinetboot", "-s"];
      const script = join(folder.path, "script");
      await Bun.write(script, '#!/bin/sh\n[ "$1" != bound ] || echo "bound $ip $serverid"\n');
      await run(["chmod", "755", script]);
      const { stdout } = await runProgram([...client.run, ...words, script]);
      expect(stdout).toMatch(/bound 10\.0\.0\.1\d\d 10\.0\.0\.1\n/);
    }, 30_000);
  },
);
