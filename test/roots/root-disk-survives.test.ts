/**
 * Debian roots of four kinds live through what happens to a root disk on a network, all at once: the cable is out, the
 * computer with the server sleeps, the Pi itself stands still, leases are renewed and end, and the Pi is shut down.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { debianRoot, type Flavour, ROOT_PASSWORD } from "./index.ts";
import type { Host } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import type { Console } from "../boot/console.ts";
import { type Lan, makeLan } from "../boot/lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "../boot/needs.ts";
import { checkRootFilesystem } from "../boot/overlay-check.ts";
import { type Dnsmasq, startDnsmasq } from "../boot/router.ts";
import type { VirtualPi } from "../boot/virtual-pi.ts";

const IS_LONG = process.env["PINETBOOT_LONG"] === "1";

/** Two of them start at once under TCG, beside other suites; 40 s on two idle cores. */
const BOOT_MS = 400_000;
const SHUTDOWN_MS = 180_000;
/** Longer than a ping of the session and its answer (10 + 20 s): the connection is given up meanwhile. */
const AWAY_MS = IS_LONG ? 60_000 : 35_000;
/** What a Pi may take to go on writing; 2 to 15 s on an idle machine. */
const RESUME_MS = 120_000;
/** dnsmasq gives no shorter lease than two minutes; a client renews it after one. */
const LEASE = "2m";
const LEASE_MS = 120_000;
const NUMBERS_AFTER = 3;
const NUMBERS_FILE = "/root/numbers";
const NAME_SERVER = "10.0.0.53";
const SERVE_FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build"];
const CONTROL_C = "\u0003";

interface Row {
  readonly flavour: Flavour;
  readonly serial: string;
  readonly mac: string;
  /** What its manager says of the interface, and what it must say. */
  readonly asks: string;
  readonly answer: RegExp;
  readonly leaves: readonly ["reboot", "poweroff"] | readonly ["poweroff", "reboot"];
}

const ROWS: readonly Row[] = [
  {
    flavour: "networkd",
    serial: "10000000d0000001",
    mac: "dc:a6:32:00:00:01",
    asks: "networkctl --no-pager list eth0",
    answer: /eth0 +ether +\S+ +unmanaged/,
    leaves: ["reboot", "poweroff"],
  },
  {
    flavour: "network-manager",
    serial: "10000000d0000002",
    mac: "dc:a6:32:00:00:02",
    asks: "nmcli --terse --fields DEVICE,STATE device",
    answer: /^eth0:unmanaged$/m,
    leaves: ["poweroff", "reboot"],
  },
  {
    flavour: "dhcpcd",
    serial: "10000000d0000003",
    mac: "dc:a6:32:00:00:03",
    asks: "systemctl is-active dhcpcd; systemctl show --property=ExecStart dhcpcd",
    answer: /^active\s[^]*--denyinterfaces eth0/,
    leaves: ["reboot", "poweroff"],
  },
  {
    flavour: "sysvinit",
    serial: "10000000d0000004",
    mac: "dc:a6:32:00:00:04",
    asks: "ifquery --state; /etc/init.d/networking stop; pidof dhclient || echo nobody asks",
    answer: /^eth0=eth0\n[^]*^nobody asks$/m,
    leaves: ["poweroff", "reboot"],
  },
];

interface Machine extends Row {
  readonly pi: VirtualPi;
  readonly console: Console;
}

describeWith([...BOOT_TEST_NEEDS, "zstd"], "root disks of four kinds of Debian", () => {
  let lan: Lan;
  let routerHost: Host;
  let router: Dnsmasq;
  const pis = new Map<Row, VirtualPi>();
  let machines: Machine[] = [];
  const each = async (work: (machine: Machine) => Promise<void>): Promise<void> => {
    await Promise.all(machines.map(work));
  };
  const startRouter = async (): Promise<void> => {
    const flags = [`--dhcp-range=10.0.0.100,10.0.0.150,${LEASE}`, "--dhcp-authoritative", "--log-dhcp"];
    router = await startDnsmasq(lan.lab, routerHost, [...flags, `--dhcp-option=6,${NAME_SERVER}`]);
  };

  beforeAll(async () => {
    await ensureBootShim();
    // One after the other: they share what is unpacked, and two makers of roots would disturb each other.
    const images = new Map<Flavour, string>();
    for (const { flavour } of ROWS) images.set(flavour, await debianRoot(flavour));
    lan = await makeLan("survive", { hasRouter: false });
    routerHost = lan.lab.addHost("router", { address: "10.0.0.1/24" });
    await startRouter();
    for (const [flavour, image] of images)
      await lan.server.command("image", "import", image, "--name", flavour);
    await lan.server.start(...SERVE_FLAGS);
    for (const row of ROWS) {
      const pi = lan.addPi({ ...row, name: row.flavour, profile: "pi4", machine: "virt", memoryMib: 512 });
      await lan.server.command("pi", "assign", pi.key, "--image", row.flavour);
      pis.set(row, pi);
    }
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  test(
    "every manager leaves the interface as the shim left it, asks no DHCP server, and names resolve by the lease",
    async () => {
      await bootAll();
      await each(async ({ console, flavour, mac, asks, answer }) => {
        // The target counts as online at once: nothing may wait for a network that its manager does not have.
        if (flavour !== "sysvinit") await console.run("systemctl start network-online.target", 100_000);
        expect(await console.run(asks)).toMatch(answer);
        const addresses = await console.run("ip -4 -o addr show eth0");
        expect(addresses.split("\n")).toHaveLength(1);
        expect(addresses).toContain(`inet ${leased(router.said, mac)}/24`);
        expect(await console.run("cat /etc/resolv.conf")).toMatch(/^nameserver 10\.0\.0\.53$/m);
        expect(await console.run("cat /etc/resolv.conf")).not.toContain("192.0.2.53");
        expect(strangers(router.said)).toEqual([]);
      });
    },
    ROWS.length * BOOT_MS,
  );

  test(
    "writers see no error and lose nothing while cables are out, the server's computer sleeps and the Pis stand still",
    async () => {
      await each(async ({ console }) => {
        console.type(`count-writes ${NUMBERS_FILE} 0.2\n`);
        await writesOn(console, NUMBERS_AFTER);
      });
      await adversity("cable out", { before: () => setCables("out"), after: () => setCables("in") });
      await adversity("server asleep", {
        before: async () => lan.server.freeze(),
        after: async () => lan.server.thaw(),
      });
      const stop = (): Promise<void> => each(async ({ pi }) => pi.freeze());
      const go = (): Promise<void> => each(async ({ pi }) => pi.thaw());
      await adversity("Pi asleep", { before: stop, after: go });
    },
    3 * (AWAY_MS + RESUME_MS) + RESUME_MS,
  );

  test(
    "the lease is renewed by the shim's own client, which the target does not see",
    () => each(({ mac }) => router.until((said) => acknowledgements(said, mac) > 1, 2 * LEASE_MS)),
    2 * LEASE_MS,
  );

  if (IS_LONG)
    test(
      "the address stays when its lease has ended and nobody renews it, and is renewed when somebody does",
      async () => {
        await router.kill();
        const before = router.said;
        await Bun.sleep(LEASE_MS + 30_000);
        await each(({ console }) => writesOn(console, NUMBERS_AFTER));
        await startRouter();
        await each(({ mac }) => router.until((said) => acknowledgements(said, mac) > 0, 2 * LEASE_MS));
        for (const { mac } of ROWS) expect(leased(router.said, mac)).toBe(leased(before, mac));
        await each(({ console }) => writesOn(console, NUMBERS_AFTER));
      },
      4 * LEASE_MS + 3 * RESUME_MS,
    );

  test(
    "what was acknowledged is on the server's disk",
    () => each(({ console }) => expectEveryNumber(console)),
    2 * RESUME_MS,
  );

  test(
    "a shutdown ends cleanly: in time, without a release of the address, with a clean file system",
    async () => {
      await leave(0);
      if (IS_LONG) {
        await bootAll();
        await leave(1);
      }
      expect(router.said).not.toContain("DHCPRELEASE");
      expect(await lan.server.stop()).toBe(0);
      const overlays = (await readdir(join(lan.dataDir, "overlays"))).filter((name) =>
        name.endsWith(".qcow2"),
      );
      expect(overlays).toHaveLength(ROWS.length);
      for (const name of overlays) await checkRootFilesystem(join(lan.dataDir, "overlays", name), lan.dir);
    },
    IS_LONG ? 3 * SHUTDOWN_MS + ROWS.length * BOOT_MS : 2 * SHUTDOWN_MS,
  );

  /** Two at a time: more of them on two cores would run into their own systems' limits of time. */
  async function bootAll(): Promise<void> {
    machines = [];
    const waiting = [...pis];
    while (waiting.length > 0)
      await Promise.all(
        waiting.splice(0, 2).map(async ([row, pi]) => {
          const console = await pi.powerOn();
          await console.logIn(ROOT_PASSWORD, BOOT_MS);
          machines.push({ ...row, pi, console });
        }),
      );
  }

  function setCables(state: "in" | "out"): Promise<void> {
    return each(({ pi }) => pi.setCable(state));
  }

  /** Between `before` and `after` nothing is written; then every Pi goes on, in a time that is told. */
  async function adversity(
    name: string,
    { before, after }: { before: () => Promise<void>; after: () => Promise<void> },
  ): Promise<void> {
    await before();
    await each(({ console }) => console.waitForSilence(2000));
    const numbers = machines.map(({ console }) => lastNumber(console));
    await Bun.sleep(AWAY_MS);
    // One may have been acknowledged, but not yet said.
    for (const [index, { console }] of machines.entries())
      expect(lastNumber(console) - (numbers[index] ?? 0)).toBeLessThanOrEqual(1);
    await after();
    const from = performance.now();
    const seconds: string[] = [];
    await each(async ({ flavour, console }) => {
      await writesOn(console, 1);
      seconds.push(`${flavour} ${((performance.now() - from) / 1000).toFixed(1)} s`);
      await writesOn(console, NUMBERS_AFTER);
    });
    console.log(`${name} for ${AWAY_MS / 1000} s; wrote again after: ${seconds.join(", ")}`);
  }

  async function leave(time: 0 | 1): Promise<void> {
    await each(async ({ pi, console, flavour, leaves }) => {
      const from = performance.now();
      const said = console.text.length;
      console.type(`${leaves[time]}\n`);
      await pi.waitUntilOff(SHUTDOWN_MS);
      globalThis.console.log(
        `${flavour}: ${leaves[time]} took ${((performance.now() - from) / 1000).toFixed(1)} s`,
      );
      expect(console.text.slice(said)).not.toMatch(/stop job|I\/O error|Failed unmounting/);
    });
  }
});

/** Waits until the writer has said that many more numbers. */
async function writesOn(console: Console, count: number): Promise<void> {
  const number = lastNumber(console) + count;
  await console.waitFor(new RegExp(`wrote ${number}\\r`), RESUME_MS, /failed \d/);
}

async function expectEveryNumber(console: Console): Promise<void> {
  console.type(CONTROL_C);
  await console.waitFor(/\^C/, RESUME_MS);
  await console.waitFor(/# $/m, RESUME_MS);
  const acknowledged = lastNumber(console);
  // Read again from the server's disk, not from the guest's memory.
  await console.run("echo 3 > /proc/sys/vm/drop_caches");
  const numbers = (await console.run(`cat ${NUMBERS_FILE}`)).split("\n").map(Number);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
  expect(console.text).not.toMatch(/failed \d/);
  // Of a disk: iscsid says "Login I/O error" of a try that was too early.
  expect(await console.run("dmesg")).not.toMatch(/I\/O error, dev|Buffer I\/O error|Remounting filesystem/);
}

function lastNumber(console: Console): number {
  return Number([...console.text.matchAll(/wrote (\d+)\r/g)].at(-1)?.[1] ?? 0);
}

/** Transactions of any other client than the firmware's and the shim's: those of a root's own manager. */
function strangers(said: string): string[] {
  const known = new Set(
    [...said.matchAll(/ (\d+) vendor class: (?:pinetboot|PXEClient)/g)].map(([, id]) => id),
  );
  const asked = [...said.matchAll(/ (\d+) (DHCP(?:DISCOVER|REQUEST)\(eth0\).*)/g)];
  return asked.flatMap(([, id, line = ""]) => (known.has(id) ? [] : [line]));
}

/** The address that the router gave last to a Pi's MAC. */
function leased(said: string, mac: string): string {
  return [...said.matchAll(new RegExp(`DHCPACK\\(eth0\\) (\\S+) ${mac}`, "g"))].at(-1)?.[1] ?? "none";
}

function acknowledgements(said: string, mac: string): number {
  return [...said.matchAll(new RegExp(`DHCPACK\\(eth0\\) \\S+ ${mac}`, "g"))].length;
}
