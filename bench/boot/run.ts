/**
 * From the kernel's first instruction to the root's init, ours beside the same kernel with Debian's initramfs-tools and
 * open-iscsi: `bun bench/boot/run.ts [rounds]` as root. QEMU's `virt` under TCG, the same disk on tgt, the same DHCP
 * server; the two take turns, medians are compared. Needs what the boot tests need (docs/architecture.md: `npm test`).
 *
 * The guest's own clock is told by the root's init: /proc/uptime counts from the kernel's start. The peer's kernel has
 * the shim's initramfs inside as well, which it unpacks and then covers: 1 MB, a part of a second to the peer's cost.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder, ensureShim } from "../../src/shim/index.ts";
import { run } from "../../src/shim/support/run.ts";
import { addRouter } from "../../test/boot/router.ts";
import { startTgt, TGT_LUN } from "../../test/boot/tgt.ts";
import { smallRoot } from "../../test/roots/index.ts";
import { Lab } from "../../test/sim/net/lab.ts";
import { debianInitramfs } from "./debian-initramfs.ts";

const SERVER = "10.0.0.2";
const TARGET = "iqn.2026-01.example:bench";
const ROUNDS = Number(process.argv[2] ?? 5);
/** A boot that takes longer has failed. */
const PATIENCE_MS = 400_000;
/** Of the small test root: its table, its boot partition. */
const ROOT_OFFSET = 33 * 1024 * 1024;
const MARK = `#!/bin/sh
[ -e /proc/uptime ] || mount -t proc proc /proc
read -r up rest < /proc/uptime
echo "ROOT INIT AT $up S" > /dev/console
poweroff -f
`;

interface Contender {
  readonly name: string;
  readonly flags: readonly string[];
  readonly cmdline: string;
}

const dir = mkdtempSync(join(tmpdir(), "pinetboot-boot-bench-"));
const lab = new Lab("boot-bench");
try {
  const shim = await ensureShim({ cacheDir: cacheFolder() });
  const kernel = join(dir, "Image.gz");
  writeFileSync(kernel, shim.file("Image.gz") ?? "");
  const initramfs = await debianInitramfs(shim.manifest.kernelRelease);
  const disk = join(dir, "disk.img");
  await copyFile(await smallRoot(), disk);
  writeFileSync(join(dir, "mark"), MARK);
  const commands = ["cd /sbin", `write ${join(dir, "mark")} mark`, "sif mark mode 0100755"].join("\n");
  await run(["debugfs", "-w", "-f", "-", `${disk}?offset=${ROOT_OFFSET}`], {
    input: new TextEncoder().encode(`${commands}\n`),
  });
  await addRouter(lab, [`--dhcp-option=17,iscsi:${SERVER}:::${TGT_LUN}:${TARGET}`]);
  await startTgt(lab, lab.addHost("server", { address: `${SERVER}/24` }), TARGET, disk);
  const peer = [
    "root=LABEL=rootfs ip=dhcp",
    `ISCSI_INITIATOR=iqn.2026-01.example:bench ISCSI_TARGET_NAME=${TARGET}`,
    `ISCSI_TARGET_IP=${SERVER} ISCSI_TARGET_PORT=3260 ISCSI_TARGET_GROUP=1`,
  ];
  const contenders: readonly Contender[] = [
    { name: "pinetboot's shim", flags: [], cmdline: "" },
    { name: "initramfs-tools + open-iscsi", flags: ["-initrd", initramfs], cmdline: peer.join(" ") },
  ];
  const tap = lab.addTap();
  const results = new Map<string, { guest: number[]; host: number[] }>();
  for (let round = 0; round < ROUNDS; round++)
    for (const contender of contenders) {
      const { guest, host } = await boot(contender, kernel, tap);
      const list = results.get(contender.name) ?? { guest: [], host: [] };
      list.guest.push(guest);
      list.host.push(host);
      results.set(contender.name, list);
    }
  console.log(
    "| initramfs | kernel start to the root's init, s | QEMU's start to the same, s | its own bytes |",
  );
  console.log("| --- | --- | --- | --- |");
  for (const { name, flags } of contenders) {
    const { guest = [], host = [] } = results.get(name) ?? {};
    const bytes =
      flags[1] === undefined ? "in the kernel" : `${(Bun.file(flags[1]).size / 1e6).toFixed(1)} MB`;
    console.log(`| ${name} | ${spread(guest)} | ${spread(host)} | ${bytes} |`);
  }
} finally {
  await lab.dispose();
  rmSync(dir, { recursive: true, force: true });
}

/** Seconds by the guest's clock and by ours. */
async function boot(
  { name, flags, cmdline }: Contender,
  kernel: string,
  tap: string,
): Promise<{ guest: number; host: number }> {
  const machine =
    "-machine virt -cpu cortex-a72 -smp 2 -m 1024 -display none -monitor none -serial stdio -no-reboot";
  const network = `-netdev tap,id=lan,ifname=${tap},script=no,downscript=no -device virtio-net-pci,netdev=lan`;
  const command = [
    ...lab.switchRun,
    "qemu-system-aarch64",
    ...`${machine} ${network} -device virtio-rng-pci`.split(" "),
    "-kernel",
    kernel,
    ...flags,
    "-append",
    `console=ttyAMA0 panic=-1 init=/sbin/mark ${cmdline}`,
  ];
  const from = performance.now();
  const qemu = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const late = setTimeout(() => qemu.kill("SIGKILL"), PATIENCE_MS);
  const decoder = new TextDecoder();
  let said = "";
  let host = NaN;
  for await (const bytes of qemu.stdout) {
    said += decoder.decode(bytes, { stream: true });
    if (Number.isNaN(host) && said.includes("ROOT INIT AT")) host = (performance.now() - from) / 1000;
  }
  clearTimeout(late);
  const guest = Number(/ROOT INIT AT ([\d.]+) S/.exec(said)?.[1]);
  if (!(guest > 0)) throw new Error(`${name} did not reach the root's init:\n${said.slice(-3000)}`);
  return { guest, host };
}

function spread(list: readonly number[]): string {
  const sorted = list.toSorted((a, b) => a - b);
  const at = (index: number): string => (sorted.at(index) ?? NaN).toFixed(2);
  return `${at(Math.floor(sorted.length / 2))} (${at(0)}-${at(-1)})`;
}
