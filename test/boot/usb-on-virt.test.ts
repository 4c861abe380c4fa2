/**
 * Mode usb and the help disk on QEMU's `virt`. Its USB port is dummy_hcd: a controller whose cable ends in the same
 * machine, so that the machine is also the computer that is given the disk.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, ensureShim } from "../../src/shim/index.ts";
import { testModulesInitrd } from "../support/test-modules.ts";
import { describeWith } from "../support/tools.ts";
import type { Console } from "./console.ts";
import { guestEntries } from "./guest-shell.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS } from "./needs.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware, shim and login under TCG on a busy machine; 10 s on an idle one. */
const BOOT_MS = 240_000;
/** A word of the shim's, or a command in the guest. */
const STEP_MS = 120_000;
const IMAGE_BYTES = 8 << 20;
const SERVE_FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build"];
const SERIAL = "10000000ddb41a0c";
const SYNCHRONIZE_CACHE = "'35 0 0 0 0 0 0 0 0 0'";
/** ALLOW MEDIUM REMOVAL, for opening a disk locks it, then START STOP UNIT with LoEj: what a click on "eject" sends. */
const EJECT = "'1e 0 0 0 0 0' '1b 0 0 0 2 0'";
const WRITTEN_AT = 5 << 20;
const WRITTEN_BYTES = 1 << 20;

describeWith([...BOOT_TEST_NEEDS, "aarch64-linux-gnu-gcc"], "a Pi as a USB disk", () => {
  let lan: Lan;
  let pi: VirtualPi;
  let console: Console;
  let computer: Console;
  const image = patternOf(IMAGE_BYTES);

  beforeAll(async () => {
    const shim = await ensureShim({ cacheDir: cacheFolder() });
    lan = await makeLan("usb");
    writeFileSync(join(lan.dir, "disk.img"), image);
    await lan.server.command("image", "import", join(lan.dir, "disk.img"), "--name", "holiday-photos");
    await lan.server.start(...SERVE_FLAGS);
    const guestInitrd = join(lan.dir, "guest.cpio");
    writeFileSync(guestInitrd, await testModulesInitrd(shim, ["dummy_hcd"], guestEntries(lan.dir)));
    pi = lan.addPi({
      name: "usb",
      profile: "pi4",
      machine: "virt",
      serial: SERIAL,
      mac: "dc:a6:32:b4:1a:0c",
      cpus: 4,
      memoryMib: 512,
      guestInitrd,
    });
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  const overlay = (): string => {
    const dir = join(lan.dataDir, "overlays");
    return join(dir, readdirSync(dir).find((name) => name.endsWith(".qcow2")) ?? "");
  };
  /** What the server's disk holds there; the server must be stopped. */
  const onServer = (at: number, bytes: number): Buffer => {
    const out = join(lan.dir, "read");
    const convert = [
      "qemu-img",
      "dd",
      "-f",
      "qcow2",
      "-O",
      "raw",
      "bs=1M",
      `skip=${at >> 20}`,
      `count=${(at + bytes) >> 20}`,
    ];
    const { success, stderr } = Bun.spawnSync([...convert, `if=${overlay()}`, `of=${out}`]);
    if (!success) throw new Error(stderr.toString());
    return readFileSync(out).subarray(0, bytes);
  };
  const flushes = async (): Promise<number> =>
    Number((await computer.run("awk '{ print $16 }' /sys/class/block/sda/stat")).trim());

  test(
    "without a cable the help disk tells so, and goes when the cable is in; then the image is a USB disk, read-only as wished, with all CPUs at work",
    async () => {
      await lan.server.command(
        "pi",
        "assign",
        pi.key,
        "--image",
        "holiday-photos",
        "--mode",
        "usb",
        "--read-only",
      );
      console = await pi.powerOn("paused");
      computer = await pi.guestShell();
      await pi.setCable("out");
      await pi.monitor("cont");
      await console.waitFor(/state=progress no link on eth0 .* check the cable/, BOOT_MS);
      await computer.waitFor(/# $/m, STEP_MS);
      await computer.run("until [ -b /dev/sda ]; do sleep 0.2; done", STEP_MS);
      const readme = await computer.run(
        "mkdir -p /help && mount -t vfat -o ro /dev/sda /help && cat /help/README.txt",
      );
      expect(readme).toContain("What to do:      check the cable and the switch");
      expect(readme).toContain("MAC address        dc:a6:32:b4:1a:0c");
      expect(await computer.run("ls /help")).toBe("README.txt  kernel.txt  log.txt");
      expect(
        await computer.run("cat /sys/class/block/sda/ro; grep -c 'Linux version' /help/kernel.txt"),
      ).toBe("1\n1");
      await computer.run("umount /help");

      await pi.setCable("in");
      await console.waitFor(
        /stage=handover state=ok holiday-photos is a USB disk \(read-only\)/,
        BOOT_MS,
        /state=fail/,
      );
      await computer.run("until [ -b /dev/sdb ]; do sleep 0.2; done", STEP_MS);
      expect(await computer.run("cat /sys/devices/system/cpu/online")).toBe("0-3");
      expect(await computer.run("cat /sys/class/block/sdb/ro")).toBe("1");
      await computer.run("! echo x >/dev/sdb");
      // A computer that writes all the same is refused by the disk itself.
      await computer.run(
        "blockdev --setrw /dev/sdb; ! busybox dd if=/dev/zero of=/dev/sdb bs=4096 count=1 conv=fsync",
      );
      expect(await computer.run("busybox sha256sum </dev/sdb")).toStartWith(sha256(image));
      await pi.unplug();
    },
    BOOT_MS + STEP_MS * 4,
  );

  test(
    "what the computer writes and flushes is on the server's disk, also when the server is killed in between, and an ejected disk is said to be free",
    async () => {
      await lan.server.command("pi", "assign", pi.key, "--image", "holiday-photos", "--mode", "usb");
      console = await pi.powerOn();
      computer = await pi.guestShell();
      await console.waitFor(
        /stage=handover state=ok holiday-photos is a USB disk of the computer/,
        BOOT_MS,
        /state=fail/,
      );
      await computer.waitFor(/# $/m, STEP_MS);
      await computer.run("until [ -b /dev/sdb ]; do sleep 0.2; done", STEP_MS);
      // What a person sees of it; this machine tells the kernel no serial number.
      const inquiry = await computer.run("cd /sys/class/block/sdb/device && cat vendor model rev");
      expect(inquiry.split(/\s+/)).toEqual(["Netboot", "holiday-photos", "1.00"]);
      expect(await computer.run("cd /sys/bus/usb/devices && cat *-1/serial *-1/product")).toBe(
        "DCA632B41A0C\nholiday-photos",
      );
      expect(await computer.run("cat /sys/class/block/sdb/removable /sys/class/block/sdb/ro")).toBe("1\n0");

      // A flush reaches the server's disk.
      await computer.run(
        `busybox yes pinetboot | busybox dd of=/dev/sdb bs=1M seek=${WRITTEN_AT >> 20} count=1 iflag=fullblock conv=fsync`,
      );
      const before = await flushes();
      expect(await computer.run(`/guest/scsi-command /dev/sdb ${SYNCHRONIZE_CACHE}`)).toBe("good");
      expect(await flushes()).toBeGreaterThan(before);
      await lan.server.kill();
      expect(
        onServer(WRITTEN_AT, WRITTEN_BYTES).equals(
          Buffer.from("pinetboot\n".repeat(WRITTEN_BYTES / 10 + 1)).subarray(0, WRITTEN_BYTES),
        ),
      ).toBe(true);

      // The server is away: the computer waits, and sees no error when it is back.
      await console.waitFor(/the server is away: the computer at the USB port waits/, STEP_MS);
      computer.type(
        'busybox dd if=/dev/zero of=/dev/sdb bs=1M seek=7 count=1 conv=fsync && echo all writ"ten"\n',
      );
      await lan.server.start(...SERVE_FLAGS);
      await console.waitFor(/the server is back after \d+ s/, STEP_MS);
      await computer.waitFor(/all written/, STEP_MS, /error/i);

      expect(await computer.run(`/guest/scsi-command /dev/sdb ${EJECT}`)).toBe("good\ngood");
      await console.waitFor(
        /stage=handover state=ok holiday-photos was ejected; .* it may be unplugged/,
        STEP_MS,
      );
      await lan.server.kill();
      expect(onServer(7 << 20, 1 << 20).equals(Buffer.alloc(1 << 20))).toBe(true);
    },
    BOOT_MS + STEP_MS * 6,
  );
});

/** Bytes of which every block is another: a disk that was taken for another, or shifted, does not look the same. */
function patternOf(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index + 1, 0x9e37_79b1);
  return Buffer.from(words.buffer);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
