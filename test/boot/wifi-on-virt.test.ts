/**
 * A Pi without a cable: the WiFi shim on QEMU's `virt`, started from nothing but its kernel as from an SD card, over
 * simulated air to an access point, a router that knows nothing, and our server, which the shim has to find.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { cacheFolder, ensureShim } from "../../src/shim/index.ts";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { testModulesInitrd } from "../support/test-modules.ts";
import { describeWith } from "../support/tools.ts";
import { AccessPoint, accessPointEntries, accessPointFlags } from "./access-point.ts";
import { Console } from "./console.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS } from "./needs.ts";

/** A step under TCG on a busy machine; the shim's own patience is in it. */
const STEP_MS = 180_000;
const NAME = 'Café "am Eck"';
const PASSWORD = `käse & brot\\#"='`;
/** One buffer a packet: mac80211_hwsim loses packets that a bridge hands on without room in front of them. */
const PLAIN = "mrg_rxbuf=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off";
const LOG = resolve(import.meta.dir, "../../dist/test-logs/wifi-on-virt.log");

/** As docs/booting.md says: whatever is no plain letter or digit as %XX. */
function percent(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*~]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16)}`,
  );
}

describeWith(BOOT_TEST_NEEDS, "a Pi over WiFi", () => {
  let lan: Lan;
  let machine: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;
  let console: Console;
  let point: AccessPoint;

  beforeAll(async () => {
    const shim = await ensureShim({ cacheDir: cacheFolder() });
    const image = await smallRoot();
    lan = await makeLan("wifi");
    writeFileSync(join(lan.dir, "Image.gz"), shim.file("Image-wifi.gz") ?? "");
    const entries = await accessPointEntries(lan.dir);
    writeFileSync(join(lan.dir, "air.cpio"), await testModulesInitrd(shim, [], entries));
    await lan.server.command("image", "import", image, "--name", "small");
    await lan.server.start(
      "--interface",
      "eth0",
      "--http",
      "127.0.0.1:8080",
      "--no-shim-build",
      "--adopt",
      "default",
    );
  }, BOOT_TOOLS_TIMEOUT_MS);
  afterAll(async () => {
    point?.close();
    machine?.kill("SIGKILL");
    await machine?.exited;
    await lan?.dispose();
  });

  test(
    "an access point with another key is told as that; when its key is right, the Pi boots from the server that it found",
    async () => {
      const tap = lan.lab.addTap();
      const socket = join(lan.dir, "ap.sock");
      const cmdline = `console=ttyAMA0 panic=-1 rdinit=/ap/init wifi.ssid=${percent(NAME)} wifi.psk=${percent(PASSWORD)}`;
      const flags =
        "-machine virt -cpu cortex-a72 -smp 2 -m 1024 -device virtio-rng-pci -display none -serial stdio -no-reboot";
      const net = `-netdev tap,id=lan,ifname=${tap},script=no,downscript=no -device virtio-net-pci,netdev=lan,${PLAIN}`;
      const files = [
        "-kernel",
        join(lan.dir, "Image.gz"),
        "-initrd",
        join(lan.dir, "air.cpio"),
        "-append",
        cmdline,
      ];
      const command = [
        "qemu-system-aarch64",
        ...flags.split(" "),
        ...net.split(" "),
        ...accessPointFlags(socket),
        ...files,
      ];
      const qemu = Bun.spawn([...lan.lab.switchRun, ...command], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      });
      machine = qemu;
      const type = (text: string): void => {
        void qemu.stdin.write(text);
        void qemu.stdin.flush();
      };
      console = new Console("wifi-on-virt", LOG, { output: qemu.stdout, type });
      await console.waitFor(/stage=kernel state=ok/, STEP_MS);
      point = new AccessPoint(socket);
      await point.serve(NAME, "WPA-PSK:another password");
      await console.waitFor(
        /stage=network state=fail the WiFi network .* does not take the password/,
        STEP_MS,
      );
      await point.serve(NAME, `WPA-PSK:${PASSWORD}`);
      await console.waitFor(/connected to the WiFi network/, STEP_MS);
      await console.waitFor(
        /stage=network state=ok wlan0 has 10\.0\.0\.1\d\d by DHCP from 10\.0\.0\.1/,
        STEP_MS,
      );
      await console.waitFor(
        /stage=parameters state=ok iqn\..* from http:\/\/10\.0\.0\.2:8069/,
        STEP_MS,
        /state=fail/,
      );
      await console.waitFor(/stage=handover state=ok/, STEP_MS, /state=fail/);
      await console.logIn(ROOT_PASSWORD, STEP_MS);
      expect(await console.run("ip route")).toContain("default via 10.0.0.1 dev wlan0");
      expect(await console.run("ls /sys/class/net")).not.toContain("eth0");
    },
    STEP_MS * 4,
  );

  test(
    "the root disk waits while the access point is away, and goes on when it is back",
    async () => {
      await point.off();
      console.type(
        "echo 3 > /proc/sys/vm/drop_caches; cat /bin/busybox /etc/* 2>/dev/null | md5sum; echo re''ad\n",
      );
      await point.serve(NAME, `WPA-PSK:${PASSWORD}`);
      await console.waitFor(/[0-9a-f]{32} .*\s+read/, STEP_MS, /error/i);
    },
    STEP_MS * 2,
  );
});
