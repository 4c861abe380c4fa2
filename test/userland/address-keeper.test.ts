import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { INIT_PARTS } from "../../src/shim/userland/sources.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";

const MAC = "dc:a6:32:00:00:01";
const LEASE = { ip: "10.9.0.5", mask: "24", router: "10.9.0.1" } as const;
/** It looks every 2 s; the rest is a busy machine's. */
const PATIENCE_MS = 30_000;
const TEST_MS = 3 * PATIENCE_MS;
const LOOK_AGAIN_MS = 100;

describeWith(["root", "busybox", "chroot"], "the keeper of the root disk's address", () => {
  let lab: Lab;
  let pi: Host;
  let keep: string;

  beforeEach(() => {
    lab = new Lab("keeper");
    pi = lab.addHost("pi", { mac: MAC });
    keep = mkdtempSync(join(tmpdir(), "pinetboot-keep-"));
    for (const folder of ["bin", "proc", "dev"]) mkdirSync(join(keep, folder));
    copyFileSync(Bun.which("busybox") ?? "", join(keep, "bin/busybox"));
    for (const name of ["sh", "cat", "grep", "ip", "sleep"]) symlinkSync("busybox", join(keep, "bin", name));
    for (const name of ["address-keeper.sh", "interface-name.sh"]) write(`lib/${name}`, INIT_PARTS[name]);
    for (const [name, value] of Object.entries(LEASE)) write(`lease/${name}`, value);
    write("dev/kmsg", "");
    write("sys/class/net/eth0/address", `${MAC}\n`);
    write("sys/class/net/eth0/device", "");
    write("sys/class/net/eth0/flags", "0x1003\n");
    const inside = `mount -t proc proc '${keep}/proc' && exec chroot '${keep}' /bin/sh /lib/address-keeper.sh ${MAC}`;
    lab.spawn(pi, ["sh", "-c", inside]);
  });
  afterEach(async () => {
    await lab.dispose();
    rmSync(keep, { recursive: true });
  });

  function write(name: string, text = ""): void {
    mkdirSync(dirname(join(keep, name)), { recursive: true });
    writeFileSync(join(keep, name), text);
  }
  const ip = (...words: string[]): string =>
    Bun.spawnSync([...pi.run, "ip", "-4", ...words]).stdout.toString();
  const isWhole = (): boolean =>
    ip("addr", "show", "up", "dev", "eth0").includes(`inet ${LEASE.ip}/24`) &&
    ip("route").includes(`default via ${LEASE.router}`);
  async function whole(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isWhole()) {
      if (performance.now() > deadline) throw new Error(`it is not back:\n${ip("addr")}${ip("route")}`);
      await Bun.sleep(LOOK_AGAIN_MS);
    }
  }

  test(
    "gives the interface its address and route whenever they are gone, and the kernel's log says so",
    async () => {
      await whole();
      ip("addr", "flush", "dev", "eth0");
      expect(isWhole()).toBe(false);
      await whole();
      expect(readFileSync(join(keep, "dev/kmsg"), "utf8")).toContain(
        "somebody took 10.9.0.5 away from eth0; the root disk needs it: it is back",
      );
    },
    TEST_MS,
  );

  test(
    "takes a link up that somebody took down",
    async () => {
      await whole();
      ip("link", "set", "eth0", "down");
      write("sys/class/net/eth0/flags", "0x1002\n");
      await whole();
    },
    TEST_MS,
  );

  test(
    "leaves the default route to one that has chosen another",
    async () => {
      await whole();
      ip("route", "replace", "default", "via", "10.9.0.77");
      ip("addr", "del", `${LEASE.ip}/24`, "dev", "eth0");
      ip("addr", "add", "10.9.0.6/24", "dev", "eth0");
      ip("route", "replace", "default", "via", "10.9.0.77");
      const deadline = performance.now() + PATIENCE_MS;
      while (!ip("addr", "show", "dev", "eth0").includes(`inet ${LEASE.ip}/24`)) {
        if (performance.now() > deadline) throw new Error("the address is not back");
        await Bun.sleep(LOOK_AGAIN_MS);
      }
      expect(ip("route")).toContain("default via 10.9.0.77");
      expect(ip("route")).not.toContain(`default via ${LEASE.router}`);
    },
    TEST_MS,
  );
});
