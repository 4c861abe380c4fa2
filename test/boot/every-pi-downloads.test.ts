/** Every kind of Pi, from DISCOVER to the last file, beside a router's own DHCP server, and with ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROFILES, type PiResult, type ProfileName, runPi } from "../sim/pi/index.ts";
import { describeWith } from "../support/tools.ts";
import { type Lan, makeLan, SERVER_ADDRESS } from "./lan.ts";
import { BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";

/**
 * A Pi that waits in vain waits half of a real one's time; not less, because the second by which the server holds its
 * answers to a Pi 3 back is a real one, and must end before the Pi asks again.
 */
const TIME_FACTOR = 0.5;
const DOWNLOAD_MS = 60_000;

const SERVE_FLAGS = ["--http", "127.0.0.1:8080", "--no-shim-build"];

const PIS = [
  { profile: "pi3b", serial: "00000000a1b2c301", mac: "b8:27:eb:b2:c3:01", tree: "bcm2837-rpi-3-b.dtb" },
  {
    profile: "pi3b-hasty",
    serial: "00000000a1b2c300",
    mac: "b8:27:eb:b2:c3:00",
    tree: "bcm2837-rpi-3-b.dtb",
  },
  {
    profile: "pi3b-plus",
    serial: "00000000a1b2c302",
    mac: "b8:27:eb:b2:c3:02",
    tree: "bcm2837-rpi-3-b-plus.dtb",
  },
  { profile: "pi4-2019", serial: "10000000a1b2c303", mac: "dc:a6:32:b2:c3:03", tree: "bcm2711-rpi-4-b.dtb" },
  { profile: "pi4", serial: "10000000a1b2c304", mac: "e4:5f:01:b2:c3:04", tree: "bcm2711-rpi-4-b.dtb" },
  { profile: "pi5", serial: "9f2d3c4ba1b2c305", mac: "2c:cf:67:b2:c3:05", tree: "bcm2712-rpi-5-b.dtb" },
  {
    profile: "pi5-strict",
    serial: "9f2d3c4ba1b2c306",
    mac: "88:a2:9e:b2:c3:06",
    tree: "bcm2712-rpi-5-b.dtb",
  },
] as const satisfies Array<{ profile: ProfileName; serial: string; mac: string; tree: string }>;

const NETWORKS = [
  { name: "beside a router", label: "router", hasRouter: true, dhcp: "proxy", addressFrom: "10.0.0.1" },
  {
    name: "on a direct cable",
    label: "cable",
    hasRouter: false,
    dhcp: "server",
    addressFrom: SERVER_ADDRESS,
  },
] as const;

for (const { name, label, hasRouter, dhcp, addressFrom } of NETWORKS) {
  describeWith(["root", "dnsmasq", "fdtoverlay"], `pinetboot serve ${name}`, () => {
    let lan: Lan;
    let outDir = "";

    beforeAll(async () => {
      await ensureBootShim();
      outDir = await mkdtemp(join(tmpdir(), "every-pi-"));
      lan = await makeLan(label, { hasRouter });
      await lan.server.start("--interface", "eth0", "--dhcp", dhcp, ...SERVE_FLAGS);
    }, BOOT_TOOLS_TIMEOUT_MS);

    afterAll(async () => {
      await lan?.dispose();
      await rm(outDir, { recursive: true, force: true });
    });

    for (const { profile, serial, mac, tree } of PIS) {
      test(
        `a ${profile} gets everything up to its kernel`,
        async () => {
          const tap = lan.lab.addTap();
          const options = {
            tap,
            profile,
            serial,
            mac,
            outDir: join(outDir, profile),
            timeFactor: TIME_FACTOR,
          };
          const result = await runPi(lan.lab, options);
          if (result.outcome === "stopped") throw new Error(describeStop(result));
          expect(result.warnings).toEqual([]);
          expect(result.kernelName).toBe("Image.gz");
          expect(result.deviceTreeName).toBe(tree);
          expect(result.cmdline).toContain(`pinetboot.server=${SERVER_ADDRESS}:8069`);
          expect(result.dhcp.map(({ address }) => address.serverId)).toEqual(
            result.dhcp.map(() => addressFrom),
          );
          expect(result.dhcp.map(({ tftpServer }) => tftpServer)).toEqual(
            result.dhcp.map(() => SERVER_ADDRESS),
          );
          const kernel = result.requests.findLast(
            ({ kind, path }) => kind === "get" && path.endsWith("Image.gz"),
          );
          expect(kernel?.path).toStartWith(`${serial.slice(-8)}/`);
        },
        DOWNLOAD_MS,
      );
    }
  });
}

describeWith(["root", "dnsmasq", "fdtoverlay"], "a Pi 4 whose EEPROM has another TFTP_PREFIX", () => {
  let lan: Lan;
  let outDir = "";

  beforeAll(async () => {
    await ensureBootShim();
    outDir = await mkdtemp(join(tmpdir(), "prefix-"));
    lan = await makeLan("prefix");
    await lan.server.start("--interface", "eth0", ...SERVE_FLAGS);
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
    await rm(outDir, { recursive: true, force: true });
  });

  test.each([
    ["its MAC", "mac", "10000000a1b2c311", "dc:a6:32:b2:c3:11", "dc-a6-32-b2-c3-11/"],
    [
      "a word that means nothing here: it goes on without one",
      "attic",
      "10000000a1b2c312",
      "dc:a6:32:b2:c3:12",
      "",
    ],
  ] as const)(
    "gets its files below %s",
    async (_words, prefix, serial, mac, below) => {
      const tap = lan.lab.addTap();
      const result = await runPi(lan.lab, { tap, profile: "pi4", serial, mac, outDir, prefix });
      if (result.outcome === "stopped") throw new Error(describeStop(result));
      expect(result.requests.findLast(({ kind }) => kind === "get")?.path).toBe(`${below}upstream/Image.gz`);
      expect(result.cmdline).toContain(`pinetboot.server=${SERVER_ADDRESS}:8069`);
    },
    DOWNLOAD_MS,
  );
});

test("every profile of the emulator is tried", () => {
  expect(PIS.map(({ profile }): string => profile)).toEqual(Object.keys(PROFILES));
});

function describeStop(result: PiResult & { outcome: "stopped" }): string {
  const last = result.requests.slice(-5).map(({ path, outcome }) => `${path} ${outcome}`);
  return `the firmware stopped: ${result.reason} (last: ${last.join(", ")})`;
}
