/** The shim's tree as files, served by other people's programs: dnsmasq, tftpd-hpa and tgt instead of ours. */
import { afterEach, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder, extractShim, findShim } from "../../src/shim/index.ts";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import { addRouter } from "./router.ts";
import { startTgt, TGT_LUN } from "./tgt.ts";
import { VirtualPi } from "./virtual-pi.ts";

const BOOT_MS = 180_000;
const SHUTDOWN_MS = 60_000;
const SERVER = "10.0.0.2";
/** As in the page that this shim is modelled on. */
const TARGET = "iqn.2024-01.local:pi4-root";
/** The page's short form of RFC 4173: no protocol, no port. */
const ISCSI_OPTIONS = [
  `--dhcp-option=17,iscsi:${SERVER}:::${TGT_LUN}:${TARGET}`,
  "--dhcp-option=224,pivot",
] as const;

describeWith(
  [...BOOT_TEST_NEEDS, "tgtd", "in.tftpd"],
  "the extracted shim beside other people's servers",
  () => {
    let tree = "";
    let image = "";
    let lab: Lab;
    let dir = "";

    beforeAll(async () => {
      await ensureBootShim();
      image = await smallRoot();
    }, BOOT_TOOLS_TIMEOUT_MS);

    afterEach(async () => {
      await lab.dispose();
      await rm(dir, { recursive: true, force: true });
    });

    async function serve(routerFlags: readonly string[]): Promise<Host> {
      const server = lab.addHost("server", { address: `${SERVER}/24` });
      await addRouter(lab, [...ISCSI_OPTIONS, ...routerFlags]);
      await cp(image, join(dir, "disk.img"));
      await startTgt(lab, server, TARGET, join(dir, "disk.img"));
      return server;
    }

    async function prepare(label: string): Promise<void> {
      lab = new Lab(label);
      dir = await mkdtemp(join(tmpdir(), `other-servers-${label}-`));
      tree = join(dir, "tree");
      const shim = await findShim({ cacheDir: cacheFolder() });
      if (!shim) throw new Error("the shim is not in the cache");
      await extractShim(shim, tree);
    }

    async function expectBoot(label: string): Promise<void> {
      const pi = new VirtualPi(lab, {
        name: label,
        profile: "pi4",
        machine: "virt",
        serial: "10000000ddb41a0c",
        mac: "dc:a6:32:b4:1a:0c",
      });
      try {
        const console = await pi.powerOn();
        await console.logIn(ROOT_PASSWORD, BOOT_MS);
        expect(await console.run("cat /sys/class/iscsi_session/*/targetname")).toBe(TARGET);
        console.type("poweroff\n");
        await pi.waitUntilOff(SHUTDOWN_MS);
      } finally {
        await pi.dispose();
      }
    }

    test(
      "a Pi boots it from dnsmasq's TFTP, with the disk of DHCP option 17 on tgt",
      async () => {
        await prepare("dnsmasq");
        const tftp = ["--enable-tftp", `--tftp-root=${tree}`, "--pxe-service=0,Raspberry Pi Boot   "];
        await serve(tftp);
        await expectBoot("dnsmasq");
      },
      BOOT_MS + SHUTDOWN_MS,
    );

    test(
      "a Pi boots it from tftpd-hpa, named by DHCP option 66",
      async () => {
        await prepare("hpa");
        const server = await serve([`--dhcp-option=66,${SERVER}`]);
        lab.spawn(server, ["in.tftpd", "--foreground", "--user", "root", "--secure", tree]);
        await expectBoot("hpa");
      },
      BOOT_MS + SHUTDOWN_MS,
    );
  },
);
