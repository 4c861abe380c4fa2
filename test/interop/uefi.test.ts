/** UEFI with the served disk as a SAN drive of iPXE's: its own FAT driver and its Block I/O read and write it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, serve, TARGET } from "../../src/iscsi-target/testing/serve.ts";
import { run } from "../../src/shim/support/run.ts";
import { type CreatedSession, runProgram, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { BLOCK_BYTES, killAndRestart, readBlocks } from "./support/disk.ts";
import { ipxeScript, type UefiFirmware, uefiFirmware } from "./support/ipxe.ts";
import { EXIT_GOOD, type Machine, startPc } from "./support/machine.ts";
import { compileUefiProgram } from "./support/programs.ts";

const NEEDS = "gcc ld qemu-img qemu-system-x86_64 sfdisk mkfs.fat fsck.fat mmd mcopy dpkg-deb apt-get".split(
  " ",
);
const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;
const PARTITION_AT = MIB;
const PARTITION_BYTES = 16 * MIB;
/** Of firmware/esp.c. */
const FROM_LBA = 40_000;
const TO_LBA = 40_100;
const COUNT = 64;
const FILE_BYTES = 20_000;
/** 10 s on an idle machine. */
const BOOT_MS = 180_000;
const DOWNLOAD_MS = 600_000;
const MUTUAL = {
  user: "pc",
  secret: "0123456789abcdef",
  mutual: { user: "laptop", secret: "fedcba9876543210" },
};

describeWith(NEEDS, "a PC with UEFI", () => {
  const folder = temporaryFolder("uefi");
  const at = (name: string): string => join(folder.path, name);
  const file = crypto.getRandomValues(new Uint8Array(FILE_BYTES));
  const blocks = Buffer.from(crypto.getRandomValues(new Uint8Array(COUNT * BLOCK_BYTES)));
  let firmware: UefiFirmware;
  let server: TestServer;
  let session: CreatedSession;
  let mutual: Served;
  let machine: Machine | undefined;

  beforeAll(async () => {
    firmware = await uefiFirmware();
    await makeDisk();
    server = await TestServer.start({ data: at("data") });
    const imported = await server.cli("image", "import", at("boot.img"), "--name", "boot");
    if (imported.code !== 0) throw new Error(imported.stderr);
    session = await server.createSession({ image: "boot" });
    mutual = await serve({ device: new RamDevice(DISK_BYTES), auth: MUTUAL });
  }, DOWNLOAD_MS);
  afterAll(async () => {
    await machine?.unplug();
    await server?.stop();
    await mutual?.server.stop();
    folder.dispose();
  });

  /** An EFI partition with the program and its file, and blocks of the test's own behind it. */
  async function makeDisk(): Promise<void> {
    const image = at("boot.img");
    const disk = Buffer.alloc(DISK_BYTES);
    blocks.copy(disk, FROM_LBA * BLOCK_BYTES);
    await Bun.write(image, disk);
    const [start, length] = [PARTITION_AT / BLOCK_BYTES, PARTITION_BYTES / BLOCK_BYTES];
    await run(["sfdisk", "--quiet", image], { input: new TextEncoder().encode(`${start},${length},ef\n`) });
    await run(["mkfs.fat", "-F", "16", `--offset=${start}`, image, `${PARTITION_BYTES / 1024}`]);
    const partition = ["-i", `${image}@@${PARTITION_AT}`];
    await run(["mmd", ...partition, "::EFI", "::EFI/BOOT"]);
    await Bun.write(at("in.txt"), file);
    await run(["mcopy", ...partition, at("in.txt"), "::in.txt"]);
    await run(["mcopy", ...partition, await compileUefiProgram(folder.path), "::EFI/BOOT/BOOTX64.EFI"]);
  }

  /** QEMU shows a folder as a FAT disk, from which OVMF starts iPXE, which finds its script there. */
  async function powerOn(): Promise<Machine> {
    await mkdir(at("stick/EFI/BOOT"), { recursive: true });
    await copyFile(firmware.ipxe, at("stick/EFI/BOOT/BOOTX64.EFI"));
    await copyFile(firmware.variables, at("variables.fd"));
    const login = {
      port: mutual.port,
      target: TARGET,
      user: MUTUAL.user,
      secret: MUTUAL.secret,
      targetUser: MUTUAL.mutual.user,
      targetSecret: MUTUAL.mutual.secret,
    };
    await Bun.write(at("stick/autoexec.ipxe"), ipxeScript(session, login, "dhcp"));
    const flash = [`readonly=on,file=${firmware.code}`, `file=${at("variables.fd")}`];
    const stick = `if=none,id=stick,format=raw,readonly=on,file=fat:${at("stick")}`;
    const network = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="];
    const disks = ["-drive", stick, "-device", "virtio-blk-pci,drive=stick,bootindex=0"];
    const board = ["-machine", "q35", "-m", "256"];
    for (const part of flash) board.push("-drive", `if=pflash,format=raw,${part}`);
    return startPc("uefi", [...board, ...network, ...disks]);
  }

  test(
    "boots from iPXE's SAN drive by CHAP one way and mutual, copies a file and blocks, and outlives the server's end",
    async () => {
      machine = await powerOn();
      const { console, exited } = machine;
      await console.waitFor(/wrong secret: no/, BOOT_MS, /wrong secret: yes/);
      await console.waitFor(/LUN 0: yes/, BOOT_MS, /LUN 0: no/);
      await console.waitFor(/another secret: no/, BOOT_MS, /another secret: yes/);
      await console.waitFor(/proved itself: yes/, BOOT_MS, /proved itself: no/);
      await console.waitFor(/\[uefi\] copied the file/, BOOT_MS, /failed|did not boot/);
      await console.waitFor(/\[uefi\] waits/, BOOT_MS);
      server = await killAndRestart(server, session);
      console.type("x");
      await console.waitFor(/\[uefi\] copied the blocks[^]*\[uefi\] done/, BOOT_MS, /failed/);
      expect(await exited).toBe(EXIT_GOOD);
    },
    BOOT_MS * 2,
  );

  test("and both copies are on the disk, in a file system without an error", async () => {
    const copy = await readBlocks(session, folder.path, { lba: TO_LBA, count: COUNT });
    expect(Buffer.compare(copy, blocks)).toBe(0);
    const range = { lba: PARTITION_AT / BLOCK_BYTES, count: PARTITION_BYTES / BLOCK_BYTES };
    await Bun.write(at("partition"), await readBlocks(session, folder.path, range));
    await run(["mcopy", "-i", at("partition"), "::out.txt", at("out.txt")]);
    expect(await Bun.file(at("out.txt")).bytes()).toEqual(file);
    const checked = await runProgram(["fsck.fat", "-n", at("partition")]);
    expect(checked.code, checked.stdout).toBe(0);
  });
});
