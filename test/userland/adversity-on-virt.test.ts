/**
 * One boot in which everything goes wrong first, against a target and a DHCP server that are not ours: what its serial
 * line says, what its screen shows, and what reaches the server.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cacheFolder, ensureShim } from "../../src/shim/index.ts";
import { Console } from "../boot/console.ts";
import { BOOT_TOOLS_TIMEOUT_MS } from "../boot/needs.ts";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { fontOfKernel } from "../screen/console-font.ts";
import { VirtualScreen } from "../screen/framebuffer.ts";
import { ScreenReader } from "../screen/screen-reader.ts";
import { type Host, Lab, type LabProcess } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { startForeignTarget } from "./foreign-target.ts";

const NEEDS = [
  "root",
  "dnsmasq",
  "qemu-system-aarch64",
  "tgtd",
  "tgtadm",
  "mke2fs",
  "mkfs.fat",
  "mcopy",
  "sfdisk",
  "dtc",
  "fdtoverlay",
];
const SERVER = "10.0.0.2";
const ENDPOINT_PORT = "8069";
const TARGET = "iqn.2026-01.test:disk";
const GOOD = {
  state: "ready",
  "iscsi.ip": SERVER,
  "iscsi.target": TARGET,
  "iscsi.lun": "1",
  "iscsi.username": "pi",
  "iscsi.password": "twelve-and-more",
} as const;
/** One after the other, as a user would mend one mistake after the other. */
const ANSWERS: readonly string[] = [
  "http 404",
  ...[
    {
      state: "waiting",
      message: "Choose an image on the page",
      choose: "On laptop, open http://127.0.0.1:8080",
    },
    // Nobody may log in while another machine has the address.
    GOOD,
    { ...GOOD, "iscsi.port": "3999" },
    { ...GOOD, "iscsi.target": "iqn.2026-01.test:nobody" },
    { ...GOOD, "iscsi.password": "something-else" },
    { ...GOOD, "iscsi.lun": "2" },
    GOOD,
  ].map(asLines),
];
const MAC = "b8:27:eb:00:00:01";
/** What DHCP gives first, and another machine has already. */
const TAKEN_ADDRESS = "10.0.0.150";
/** A step of the shim under TCG beside other suites, its pause of 10 s before a retry included. */
const STEP_MS = 240_000;
const BOOT_MS = 1_800_000;
/** The kernel's patience with a command is six times this, and 30 s by default: shortened, or the test would be long. */
const COMMAND_TIMEOUT_SECONDS = 2;
const TARGET_AWAY_MS = 20_000;

describeWith(NEEDS, "a boot in which everything goes wrong first", () => {
  let dir: string;
  let lab: Lab;
  let server: Host;
  let tap: string;
  let console: Console;
  let virtualScreen: VirtualScreen;
  let screen: ScreenReader;
  let machine: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;
  let target: LabProcess | undefined;
  let reports = "";

  beforeAll(async () => {
    const shim = await ensureShim({ cacheDir: cacheFolder() });
    dir = mkdtempSync(join(tmpdir(), "pinetboot-adversity-"));
    writeFileSync(join(dir, "Image.gz"), shim.file("Image.gz") ?? "");
    copyFileSync(await smallRoot(), join(dir, "root.img"));
    writeFileSync(join(dir, "blank.img"), "");
    truncateSync(join(dir, "blank.img"), 1 << 20);
    writeFileSync(join(dir, "answers"), ANSWERS.join("\n\n"));
    virtualScreen = await VirtualScreen.prepare({
      dir,
      width: 640,
      height: 480,
      memoryMib: 512,
      cpus: 2,
      model: "Raspberry Pi 3 Model B Rev 1.2",
      serial: "00000000c3d41a0c",
    });
    screen = new ScreenReader(virtualScreen, fontOfKernel(shim.file("Image.gz") ?? new Uint8Array()), 1);
    lab = new Lab("adversity");
    server = lab.addHost("server", { address: `${SERVER}/24` });
    lab.addHost("neighbour", { address: `${TAKEN_ADDRESS}/24` });
    tap = lab.addTap();
  }, BOOT_TOOLS_TIMEOUT_MS);
  afterAll(async () => {
    virtualScreen?.close();
    machine?.kill("SIGKILL");
    await machine?.exited;
    await lab?.dispose();
    rmSync(dir, { recursive: true, force: true });
  });

  const startVirtualMachine = (): void => {
    const words =
      "-machine virt -cpu cortex-a72 -smp 2 -m 512 -display none -monitor none -serial stdio -no-reboot" +
      ` -netdev tap,id=lan,ifname=${tap},script=no,downscript=no -device virtio-net-pci,netdev=lan,mac=${MAC}`;
    const append = `console=tty1 console=ttyAMA0 panic=-1 pinetboot.server=${SERVER}:${ENDPOINT_PORT}`;
    const qemu = Bun.spawn(
      [
        ...lab.switchRun,
        "qemu-system-aarch64",
        ...words.split(" "),
        ...virtualScreen.flags,
        "-kernel",
        join(dir, "Image.gz"),
        "-append",
        append,
      ],
      { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    );
    machine = qemu;
    const log = resolve(import.meta.dir, "../../dist/test-logs/adversity-on-virt.log");
    const type = (text: string): void => {
      void qemu.stdin.write(text);
      void qemu.stdin.flush();
    };
    console = new Console("adversity", log, { output: qemu.stdout, type });
  };
  const startDhcpServer = (): void => {
    const flags =
      "--keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces --no-ping";
    const leases = [
      "--dhcp-range=10.0.0.100,10.0.0.199,2m",
      `--dhcp-host=${MAC},${TAKEN_ADDRESS}`,
      `--dhcp-leasefile=${join(dir, "leases")}`,
    ];
    lab.spawn(server, ["dnsmasq", ...flags.split(" "), ...leases]);
  };
  const startEndpoint = async (): Promise<void> => {
    const script = join(import.meta.dir, "fake-endpoint.ts");
    const endpoint = lab.spawn(server, [
      process.execPath,
      script,
      SERVER,
      ENDPOINT_PORT,
      join(dir, "answers"),
    ]);
    for await (const text of endpoint.stdout.pipeThrough(new TextDecoderStream())) reports += text;
  };
  const startTarget = async (): Promise<LabProcess> => {
    const disks = { 1: join(dir, "root.img"), 2: join(dir, "blank.img") };
    const { "iscsi.username": username, "iscsi.password": password } = GOOD;
    return await startForeignTarget(lab, server, {
      address: SERVER,
      name: TARGET,
      username,
      password,
      disks,
    });
  };

  /** The serial line says it as a failure, and the screen shows it with what to do. */
  const stops = async (words: RegExp, picture?: string): Promise<void> => {
    await console.waitFor(new RegExp(`state=fail ${words.source}`), STEP_MS);
    await screen.waitFor(new RegExp(`STOPPED: .*${words.source}.* What to do: `), STEP_MS, picture);
  };

  test(
    "each mistake is said in words, and mending it is enough to go on",
    async () => {
      startVirtualMachine();
      await virtualScreen.plug("lan", false);
      await console.waitFor(/state=progress no link on eth0 after \d+ s - check the cable/, STEP_MS);
      await screen.waitFor(
        /Waiting no link on eth0 after \d+ s What to do: check the cable and the switch/,
        STEP_MS,
        "no-link",
      );
      await virtualScreen.plug("lan", true);
      await console.waitFor(
        /state=progress no DHCP answer on eth0 .*is a router or pinetboot --dhcp server there/,
        STEP_MS,
      );
      await screen.waitFor(/\[ >> \] Network .* no DHCP answer on eth0 after \d+ s What to do: /, STEP_MS);
      startDhcpServer();
      await console.waitFor(/stage=network state=ok eth0 has 10\.0\.0\.150 by DHCP/, STEP_MS);
      await stops(
        /nobody says which disk to boot from: nobody listens at http:\/\/10\.0\.0\.2:8069 \(connection refused\)/,
      );
      void startEndpoint();
      await stops(
        /nobody says which disk to boot from: .* is a web server, but not pinetboot's \(404 Not Found\)/,
      );
      await console.waitFor(/Choose an image on the page - On laptop, open .* - this Pi is 1A0C/, STEP_MS);
      await stops(
        /another machine has this Pi's address 10\.0\.0\.150 too: (?:[0-9a-f]{2}:){5}[0-9a-f]{2}/,
        "stopped",
      );
      await console.waitFor(/stage=network state=ok eth0 has 10\.0\.0\.1(?!50)\d\d by DHCP/, STEP_MS);
      target = await startTarget();
      await stops(/nobody listens at 10\.0\.0\.2:3999 \(connection refused\)/);
      await stops(/10\.0\.0\.2:3260 has no target iqn\.2026-01\.test:nobody/);
      await stops(/10\.0\.0\.2:3260 refused the CHAP login of pi/);
      await console.waitFor(/stage=root state=fail /, STEP_MS);
      // The target goes away under a session: reads wait, and the screen says for what.
      target.kill("SIGKILL");
      await target.exited;
      await stops(/the disk's server 10\.0\.0\.2:3260 went away in the middle of the boot/);
      target = await startTarget();
      await console.waitFor(/stage=login state=ok /, STEP_MS);
      await console.waitFor(/stage=handover state=ok/, STEP_MS);
      await console.waitFor(/login: $/m, STEP_MS);
      console.type("root\n");
      await console.waitFor(/Password: /, STEP_MS);
      console.type(`${ROOT_PASSWORD}\n`);
      await console.waitFor(/# $/m, STEP_MS);
    },
    BOOT_MS,
  );

  test("all of it reached the server in order, from before the network was there, and no secret did", () => {
    const stages = reports
      .trim()
      .split("\n")
      .map((line) => Object.fromEntries(new URLSearchParams(line)));
    expect(stages[0]).toMatchObject({ stage: "kernel", state: "ok", mac: "b8:27:eb:00:00:01" });
    expect(stages.at(-1)).toMatchObject({ stage: "handover", state: "ok" });
    expect(new Set(stages.map(({ boot }) => boot)).size).toBe(1);
    expect(stages.map(({ stage, state }) => `${stage} ${state}`)).toContain("login fail");
    expect(decodeURIComponent(reports)).not.toContain(GOOD["iscsi.password"]);
  });

  test(
    "a target that is away for longer than the kernel's patience with a command loses no write",
    async () => {
      await console.run(`dmesg -n 1; echo ${COMMAND_TIMEOUT_SECONDS} > /sys/block/sda/device/timeout`);
      const from = console.text.length;
      console.type("count-writes /root/numbers\n");
      await console.waitFor(/wrote 3\b/, STEP_MS);
      target?.kill("SIGKILL");
      await Bun.sleep(TARGET_AWAY_MS);
      const written = lastNumber(console.text.slice(from));
      await startTarget();
      await console.waitFor(new RegExp(`wrote ${written + 3}\\b`), STEP_MS, /failed/);
      console.type("\x03");
      await console.waitFor(/# $/m, STEP_MS);
      const numbers = (await console.run("cat /root/numbers")).split(/\s+/).map(Number);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(numbers.length).toBeGreaterThanOrEqual(written + 3);
    },
    STEP_MS * 4,
  );
});

function lastNumber(text: string): number {
  return Number([...text.matchAll(/wrote (\d+)/g)].at(-1)?.[1] ?? 0);
}

function asLines(answer: Readonly<Record<string, string>>): string {
  return Object.entries(answer)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
}
