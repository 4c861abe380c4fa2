import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INIT_PARTS } from "../../src/shim/userland/sources.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";

const LEASE = {
  ip: "10.9.0.5",
  mask: "24",
  router: "10.9.0.1",
  serverid: "10.9.0.1",
  dns: "10.9.0.1 1.1.1.1",
  rootpath: "iscsi:10.9.0.1:::0:iqn.2026-01.test:x",
} as const;

describeWith(["root", "busybox", "chroot"], "the keeper of the shim's DHCP lease", () => {
  let lab: Lab;
  let pi: Host;
  let keep: string;

  beforeEach(() => {
    lab = new Lab("lease");
    pi = lab.addHost("pi");
    keep = mkdtempSync(join(tmpdir(), "pinetboot-keep-"));
    for (const folder of ["bin", "lib", "lease", "dev"]) mkdirSync(join(keep, folder));
    copyFileSync(Bun.which("busybox") ?? "", join(keep, "bin/busybox"));
    for (const name of ["sh", "cat", "ip", "rm", "sleep"]) symlinkSync("busybox", join(keep, "bin", name));
    writeFileSync(join(keep, "lib/dhcp-event.sh"), INIT_PARTS["dhcp-event.sh"] ?? "");
    chmodSync(join(keep, "lib/dhcp-event.sh"), 0o755);
    writeFileSync(join(keep, "dev/kmsg"), "");
  });
  afterEach(async () => {
    await lab.dispose();
    rmSync(keep, { recursive: true });
  });

  /** What udhcpc does on an event: it calls the script with the lease in the environment. */
  const event = (name: string, lease: Record<string, string> = {}): void => {
    const done = Bun.spawnSync([...pi.run, "chroot", keep, "/lib/dhcp-event.sh", name], {
      env: { PATH: process.env["PATH"] ?? "", interface: "eth0", ...lease },
    });
    expect(done.stderr.toString()).toBe("");
  };
  const shown = (...words: string[]): string =>
    Bun.spawnSync([...pi.run, "ip", "-4", ...words]).stdout.toString();
  const addresses = (): string[] =>
    [...shown("-o", "addr", "show", "eth0").matchAll(/inet (\S+)/g)].map(([, at]) => at ?? "");
  const kept = (name: string): string => readFileSync(join(keep, "lease", name), "utf8");

  test("a lease gives the interface its address and route, for good, and init its values", () => {
    event("bound", LEASE);
    expect(addresses()).toEqual(["10.9.0.5/24"]);
    expect(shown("addr", "show", "eth0")).toContain("valid_lft forever");
    expect(shown("route")).toContain("default via 10.9.0.1 dev eth0");
    expect(kept("rootpath")).toBe(LEASE.rootpath);
    expect(kept("resolv.conf")).toBe("nameserver 10.9.0.1\nnameserver 1.1.1.1\n");
  });

  test("the end of a lease, a silent server and a restart of the client take nothing away", () => {
    event("bound", LEASE);
    for (const name of ["renew", "leasefail", "deconfig", "nak", "leasefail"])
      event(name, name === "renew" ? LEASE : {});
    expect(addresses()).toEqual(["10.9.0.5/24"]);
    expect(shown("route")).toContain("default via 10.9.0.1");
  });

  test("another address from the server replaces the old one, and the kernel's log says so", () => {
    event("bound", LEASE);
    event("bound", { ...LEASE, ip: "10.9.0.77" });
    expect(addresses()).toEqual(["10.9.0.77/24"]);
    expect(shown("route")).toContain("default via 10.9.0.1");
    expect(readFileSync(join(keep, "dev/kmsg"), "utf8")).toContain(
      "gave this Pi another address: 10.9.0.77, it was 10.9.0.5",
    );
  });

  test("option 17 that vanishes from a lease vanishes from the shim", () => {
    event("bound", LEASE);
    event("renew", { ...LEASE, rootpath: "" });
    expect(() => kept("rootpath")).toThrow("ENOENT");
  });
});
