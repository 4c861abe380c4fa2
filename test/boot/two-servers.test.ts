/** Two pinetboot servers on one network: a Pi is started by the one that its firmware hears first, whoever has its disk. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import { type Lan, makeLan, SERVER_ADDRESS } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import { Server } from "./server.ts";

/** Firmware, shim and root under TCG on a busy machine; 20 s on an idle one. */
const BOOT_MS = 180_000;
const SHUTDOWN_MS = 60_000;
const SECOND_ADDRESS = "10.0.0.3";

describeWith(BOOT_TEST_NEEDS, "two servers on one network", () => {
  let lan: Lan;
  let servers: Readonly<Record<string, Server>>;

  beforeAll(async () => {
    await ensureBootShim();
    const image = await smallRoot();
    lan = await makeLan("two-servers");
    const host = lan.lab.addHost("second", { address: `${SECOND_ADDRESS}/24` });
    const second = new Server(lan.lab, host, join(lan.dir, "second"));
    servers = { [SERVER_ADDRESS]: lan.server, [SECOND_ADDRESS]: second };
    for (const server of Object.values(servers)) {
      await server.command("image", "import", image, "--name", "small");
      await server.start("--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build");
    }
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  test(
    "a Pi that neither has a disk for names both, and goes on at the one that gets one, also when the other started it",
    async () => {
      const pi = lan.addPi({
        name: "two-servers",
        profile: "pi4",
        machine: "virt",
        serial: "10000000ddb41a0c",
        mac: "dc:a6:32:b4:1a:0c",
      });
      const console = await pi.powerOn();
      const [, starter = ""] = await console.waitFor(/ pinetboot\.server=(\S+):8069 /, BOOT_MS);
      const other = starter === SERVER_ADDRESS ? SECOND_ADDRESS : SERVER_ADDRESS;
      await console.waitFor(/several pinetboot servers are here: ([^\n]*) - assign/, BOOT_MS, /state=fail/);
      for (const [address, server] of Object.entries(servers)) {
        expect(console.text).toContain(`(${address})`);
        expect(await server.command("pi", "list")).toMatchObject([{ key: pi.key }]);
      }

      await servers[other]?.command("pi", "assign", pi.key, "--image", "small");
      const words = `http://${other}:8069 has a disk for this Pi; http://${starter}:8069, which started it, has none`;
      await console.waitFor(new RegExp(words), BOOT_MS, /state=fail/);
      await console.logIn(ROOT_PASSWORD, BOOT_MS);
      expect(await console.run("cat /sys/class/iscsi_connection/*/address")).toBe(other);
      expect(servers[starter]?.log.join("\n")).toContain(words);
      expect(servers[other]?.log.join("\n")).toContain('"stage":"handover"');
      console.type("poweroff\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
    },
    BOOT_MS * 2,
  );
});
