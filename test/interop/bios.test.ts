/** A PC's BIOS with the served disks as its own: by QEMU's initiator, and by iPXE's, which hooks INT 13h. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { recipesFor } from "../../src/appliance/sessions/recipes.ts";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, serve, TARGET } from "../../src/iscsi-target/testing/serve.ts";
import { type CreatedSession, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { BLOCK_BYTES, killAndRestart, portOf, readBlocks } from "./support/disk.ts";
import { ipxeScript } from "./support/ipxe.ts";
import { EXIT_GOOD, type Machine, startPc } from "./support/machine.ts";
import { compileBootSector } from "./support/programs.ts";

const NEEDS = ["gcc", "qemu-img", "qemu-system-x86_64", "/usr/lib/ipxe/qemu/pxe-virtio.rom"];
/** iPXE takes a disk that is smaller than one of its cylinders (255 heads, 63 sectors) for one of none. */
const DISK_BYTES = 32 * 1024 * 1024;
/** Of firmware/int13.S. */
const ORIGINAL_LBA = 64;
const COUNT = 100;
const COPIES = [
  { lun: 0, lba: 1000 },
  { lun: 1, lba: 200 },
  { lun: 1, lba: 400 },
];
/** 7 s on an idle machine. */
const BOOT_MS = 120_000;
const PREPARE_MS = 60_000;
const MUTUAL = {
  user: "pc",
  secret: "0123456789abcdef",
  mutual: { user: "laptop", secret: "fedcba9876543210" },
};

describeWith(NEEDS, "a PC with a BIOS", () => {
  const folder = temporaryFolder("bios");
  let original: Buffer;
  let server: TestServer;
  let session: CreatedSession;
  let machine: Machine | undefined;
  let mutual: Served;

  beforeAll(async () => {
    const disk = Buffer.alloc(DISK_BYTES);
    (await compileBootSector(folder.path)).copy(disk);
    original = disk.subarray(ORIGINAL_LBA * BLOCK_BYTES, (ORIGINAL_LBA + COUNT) * BLOCK_BYTES);
    crypto.getRandomValues(new Uint8Array(original.buffer, original.byteOffset, original.length));
    const image = join(folder.path, "boot.img");
    await Bun.write(image, disk);
    server = await TestServer.start({ data: join(folder.path, "data") });
    const imported = await server.cli("image", "import", image, "--name", "boot");
    if (imported.code !== 0) throw new Error(imported.stderr);
    mutual = await serve({ device: new RamDevice(DISK_BYTES), auth: MUTUAL });
  }, PREPARE_MS);
  beforeEach(async () => {
    session = await server.createSession({ images: ["boot", { image: "blank", size: "64M" }] });
  });
  afterAll(async () => {
    await machine?.unplug();
    await server.stop();
    await mutual.server.stop();
    folder.dispose();
  });

  /** The program's part of the story, and what must be on the disks afterwards. */
  async function expectCopies({ console, exited }: Machine): Promise<void> {
    await console.waitFor(/\[bios\] started from drive 80/, BOOT_MS, /No bootable device|did not boot/);
    await console.waitFor(/\[bios\] copied to drive 81[^]*\[bios\] read back the same/, BOOT_MS, /failed/);
    await console.waitFor(/\[bios\] waits/, BOOT_MS);
    server = await killAndRestart(server, session);
    console.type("x");
    await console.waitFor(/\[bios\] done/, BOOT_MS, /failed/);
    expect(await exited).toBe(EXIT_GOOD);
    for (const { lun, lba } of COPIES) {
      const copy = await readBlocks(session, folder.path, { lun, lba, count: COUNT });
      expect(Buffer.compare(copy, original)).toBe(0);
    }
  }

  test(
    "boots from QEMU's own initiator by CHAP, copies from disk to disk, and outlives the server's end",
    async () => {
      // The drive of the command that a person is given.
      const told = recipesFor(session).find(({ client }) => client === "QEMU")?.text ?? "";
      const [, drive = ""] = /-drive '(.*)'/.exec(told) ?? [];
      const disks = session.luns.flatMap(({ lun }) => ["-drive", drive.replace("/0,", `/${lun},`)]);
      machine = startPc("bios-qemu", ["-machine", "pc", "-m", "64", ...disks]);
      await expectCopies(machine);
    },
    BOOT_MS * 2,
  );

  test(
    "hooks INT 13h with iPXE by CHAP one way and mutual, boots, reads, writes, and outlives the server's end",
    async () => {
      await mkdir(join(folder.path, "tftp"));
      const login = {
        port: mutual.port,
        target: TARGET,
        user: MUTUAL.user,
        secret: MUTUAL.secret,
        targetUser: MUTUAL.mutual.user,
        targetSecret: MUTUAL.mutual.secret,
      };
      await Bun.write(join(folder.path, "tftp/boot.ipxe"), ipxeScript(session, login));
      const network = `user,id=n,tftp=${join(folder.path, "tftp")},bootfile=boot.ipxe`;
      const hardware = ["-machine", "pc,graphics=off", "-m", "64", "-boot", "n", "-netdev", network];
      machine = startPc("bios-ipxe", [...hardware, "-device", "virtio-net-pci,netdev=n"]);
      await machine.console.waitFor(/wrong secret: no/, BOOT_MS, /wrong secret: yes/);
      await machine.console.waitFor(/LUN 0: yes[^]*LUN 1: yes/, BOOT_MS, /LUN . no/);
      await machine.console.waitFor(/another secret: no/, BOOT_MS, /another secret: yes/);
      await machine.console.waitFor(/proved itself: yes/, BOOT_MS, /proved itself: no/);
      await server.step(({ detail }) => detail.includes("The CHAP user or secret is wrong"));
      await expectCopies(machine);
    },
    BOOT_MS * 2,
  );

  test("and the image under it is as it was imported", async () => {
    const fresh = await server.createSession({ image: "boot" });
    const copy = await readBlocks(fresh, folder.path, { lba: 1000, count: COUNT });
    expect(copy.every((byte) => byte === 0)).toBe(true);
    expect(portOf(fresh)).toBe(portOf(session));
  });
});
