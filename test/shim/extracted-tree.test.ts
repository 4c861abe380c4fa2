/** The tree of `shim extract` behind other people's servers: nothing of pinetboot runs on this network. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseManifest } from "../../src/shim/bundle/manifest.ts";
import { cacheFolder, ensureShim, extractShim, type ShimBundle } from "../../src/shim/index.ts";
import { addRouter } from "../boot/router.ts";
import { VirtualPi } from "../boot/virtual-pi.ts";
import { Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";

/** The shim may have to be compiled first. */
const BUILD_MS = 3_600_000;
const BOOT_MS = 180_000;

/** What dnsmasq must be told for Pis, besides addresses: the menu entry they look for, and the disk. */
const TARGET = "iqn.2026-01.example.lab:disk";
const PI_FLAGS = [
  "--pxe-service=0,Raspberry Pi Boot   ",
  `--dhcp-option=17,iscsi:10.0.0.1::3260:0:${TARGET}`,
];

describeWith(
  ["root", "dnsmasq", "in.tftpd", "qemu-system-aarch64", "fdtoverlay"],
  "the tree of shim extract",
  () => {
    let bundle: ShimBundle;
    let dir = "";
    let lab: Lab;

    beforeAll(async () => {
      bundle = await ensureShim({ cacheDir: cacheFolder(), allowInstall: true });
      dir = mkdtempSync(join(tmpdir(), "pinetboot-extract-"));
      // tftpd-hpa serves what everyone may read, and the folder of a test is private at first.
      chmodSync(dir, 0o755);
      await extractShim(bundle, dir);
    }, BUILD_MS);
    afterAll(() => rmSync(dir, { recursive: true, force: true }));

    /** Boots one Pi on a network of its own that a person has set up with Debian's programs. */
    async function boot(
      label: string,
      server: "dnsmasq" | "tftpd-hpa",
      pi: Omit<ConstructorParameters<typeof VirtualPi>[1], "name">,
      body: (pi: VirtualPi) => Promise<void>,
    ): Promise<void> {
      lab = new Lab(label);
      const machine = new VirtualPi(lab, { name: label, ...pi });
      try {
        const tftp = server === "dnsmasq" ? ["--enable-tftp", `--tftp-root=${dir}`] : [];
        const host = await addRouter(lab, [...PI_FLAGS, ...tftp]);
        if (server === "tftpd-hpa")
          lab.spawn(host, ["in.tftpd", "--foreground", "--listen", "--secure", "--user", "root", dir]);
        await body(machine);
      } finally {
        await machine.dispose();
        await lab.dispose();
      }
    }

    const serial = "00000000ddb41a0c";

    test(
      "boots a Pi 3B from dnsmasq alone, up to the disk that DHCP names",
      () =>
        boot(
          "ex3",
          "dnsmasq",
          { profile: "pi3b", machine: "raspi3b", serial, mac: "b8:27:eb:b4:1a:0c" },
          async (pi) => {
            const screen = await pi.powerOn();
            await screen.waitFor(/stage=kernel state=ok/, BOOT_MS, /Kernel panic/);
            await screen.waitFor(/stage=network state=ok/, BOOT_MS, /Kernel panic/);
            await screen.waitFor(new RegExp(`stage=login state=start.*${TARGET}`), BOOT_MS, /Kernel panic/);
          },
        ),
      2 * BOOT_MS,
    );

    test(
      "boots a Pi 4 from tftpd-hpa, up to the disk that DHCP names",
      () =>
        boot(
          "ex4",
          "tftpd-hpa",
          { profile: "pi4", machine: "virt", serial, mac: "dc:a6:32:b4:1a:0c" },
          async (pi) => {
            const screen = await pi.powerOn();
            await screen.waitFor(new RegExp(`stage=login state=start.*${TARGET}`), BOOT_MS, /Kernel panic/);
          },
        ),
      2 * BOOT_MS,
    );

    test(
      "gives a Pi 5 its kernel, its device tree and no word of complaint",
      () =>
        boot(
          "ex5",
          "tftpd-hpa",
          { profile: "pi5", machine: "virt", serial, mac: "2c:cf:67:b4:1a:0c" },
          async (pi) => {
            const result = await pi.runFirmware();
            if (result.outcome === "stopped") throw new Error(result.reason);
            expect(result.deviceTreeName).toEndWith("bcm2712-rpi-5-b.dtb");
            expect(result.warnings).toEqual([]);
            expect(result.cmdline).toContain("console=ttyAMA10,115200");
          },
        ),
      BOOT_MS,
    );

    test("says what each file is and where it comes from", async () => {
      const wifiDir = mkdtempSync(join(tmpdir(), "pinetboot-extract-wifi-"));
      await extractShim(bundle, wifiDir, "wifi");
      const kernels: string[] = [];
      for (const tree of [dir, wifiDir]) {
        const { files } = parseManifest(await readFile(join(tree, "manifest.json"), "utf8"));
        for (const { path, sizeBytes, sha256 } of files) {
          const data = await readFile(join(tree, path));
          const sum = new Bun.CryptoHasher("sha256").update(data).digest("hex");
          expect([path, data.length, sum]).toEqual([path, sizeBytes, sha256]);
          if (path === "Image.gz") kernels.push(sum);
        }
      }
      // Either tree has its own kernel under the one name that config.txt says.
      expect(new Set(kernels).size).toBe(2);
      expect(await readFile(join(dir, "LICENCE.raspi-firmware"), "utf8")).toContain("Broadcom");
      expect([existsSync(join(dir, "Image-wifi.gz")), existsSync(join(wifiDir, "Image-wifi.gz"))]).toEqual([
        false,
        false,
      ]);
      rmSync(wifiDir, { recursive: true });
    });

    test("has a kernel of at most 6.5 MB, with WiFi of at most 9 MB, and a module pack of at most 30 MB", () => {
      const bytes = (path: string): number => bundle.file(path)?.length ?? Infinity;
      expect(bytes("Image.gz")).toBeLessThanOrEqual(6_500_000);
      expect(bytes("Image-wifi.gz")).toBeLessThanOrEqual(9_000_000);
      const pack = bundle.paths().find((path) => path.endsWith(".sqfs")) ?? "";
      expect(bytes(pack)).toBeLessThanOrEqual(30_000_000);
    });
  },
);
