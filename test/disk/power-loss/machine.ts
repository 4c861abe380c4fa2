/**
 * A computer that serves disks and loses power: the server in a QEMU machine (Debian's cloud kernel, ext4), the writes of
 * whose disk are recorded, and which is killed. Its iSCSI port is one of this machine's loopback.
 */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { linuxMachine } from "../../iscsi/linux-initiator.ts";
import { emptyRecording } from "./recorded-writes.ts";

const ROOT = join(import.meta.dir, "../../..");
const READY_MS = 240_000;
const DATA_MIB = 256;

export interface Computer {
  readonly portal: string;
  /** Its disk before it was started. */
  readonly before: string;
  /** Its disk itself. */
  readonly disk: string;
  /** The record of the writes to the disk. */
  readonly record: string;
  /** What its console has shown so far. */
  said(): string;
  losePower(): Promise<void>;
}

export interface ComputerOptions {
  readonly folder: string;
  /** The data folder of the server, which the disk begins with. */
  readonly data: string;
  /** The negative control: every fsync and fdatasync of the server does nothing and says that it was done. */
  readonly syncsLie?: boolean;
}

/** Starts the computer; resolves when its server is ready. */
export async function startComputer({ folder, data, syncsLie = false }: ComputerOptions): Promise<Computer> {
  const machine = await linuxMachine();
  await mkdir(folder, { recursive: true });
  const tools = join(folder, "tools.img");
  const before = join(folder, "before.img");
  const disk = join(folder, "disk.img");
  const record = join(folder, "record");
  await makeTools(join(folder, "tools"), tools);
  sh(
    "mke2fs",
    "-q",
    "-t",
    "ext4",
    "-E",
    "lazy_itable_init=0,lazy_journal_init=0",
    "-d",
    data,
    before,
    `${DATA_MIB}M`,
  );
  await copyFile(before, disk);
  emptyRecording(record);
  const port = await freePort();
  const hardware = ["-M", "pc", "-cpu", "max", "-m", "1024", "-nodefaults", "-nographic", "-no-reboot"];
  const initramfs = await withScript(machine.initramfs, folder, script(syncsLie));
  const system = ["-kernel", machine.kernel, "-initrd", initramfs];
  const kernelLine = [
    "-append",
    "console=ttyS0 quiet mitigations=off no_timer_check panic=-1",
    "-serial",
    "stdio",
  ];
  const forward = `user,id=n,hostfwd=tcp:127.0.0.1:${port}-:3260`;
  const wires = ["-netdev", forward, "-device", "virtio-net-pci,netdev=n,romfile="];
  const nodes = [
    `driver=file,filename=${tools},node-name=tools,read-only=on`,
    `driver=file,filename=${disk},node-name=disk`,
    `driver=file,filename=${record},node-name=record`,
    "driver=blklogwrites,file=disk,log=record,node-name=recorded",
  ].flatMap((node) => ["-blockdev", node]);
  const disks = ["tools", "recorded"].flatMap((node) => ["-device", `virtio-blk-pci,drive=${node}`]);
  const child = Bun.spawn(
    ["qemu-system-x86_64", ...hardware, ...system, ...kernelLine, ...wires, ...nodes, ...disks],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const losePower = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const console = watchConsole(child.stdout);
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
  const isReady = await console.shows('"event":"ready"');
  clearTimeout(timer);
  if (!isReady) throw new Error(`the computer did not come up:\n${console.said()}`);
  return { portal: `127.0.0.1:${port}`, before, disk, record, said: console.said, losePower };
}

/** The page cache is written back soon and bit by bit, so that a cut finds all sorts of states. */
const script = (syncsLie: boolean): string => `
mkdir -p /tools /data /tmp
mount -t ext4 -o ro /dev/vda /tools
mount -t ext4 /dev/vdb /data || echo "[machine] no data disk"
echo 20 > /proc/sys/vm/dirty_writeback_centisecs
echo 50 > /proc/sys/vm/dirty_expire_centisecs
export HOME=/run
${syncsLie ? "export LD_PRELOAD=/tools/no-sync.so" : ""}
/tools/bun /tools/server/main.js serve --data /data/pinetboot --dhcp off --tftp-port 0 --iscsi-port 3260 \\
  --report-port 0 --http 127.0.0.1:0 --no-shim-build --log json
`;

async function makeTools(tree: string, image: string): Promise<void> {
  await mkdir(tree, { recursive: true });
  await copyFile(process.execPath, join(tree, "bun"));
  sh("chmod", "755", join(tree, "bun"));
  sh(
    process.execPath,
    "build",
    join(ROOT, "src/cli/main.ts"),
    "--target=bun",
    `--outdir=${join(tree, "server")}`,
  );
  const source = join(tree, "no-sync.c");
  await writeFile(source, "int fsync(int fd) { return fd < 0; }\nint fdatasync(int fd) { return fd < 0; }\n");
  sh("gcc", "-shared", "-fPIC", "-o", join(tree, "no-sync.so"), source);
  sh("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "200M");
}

/** The kernel unpacks archives that lie one behind the other, as one. */
async function withScript(initramfs: string, folder: string, text: string): Promise<string> {
  const extra = join(folder, "script");
  await mkdir(extra, { recursive: true });
  await writeFile(join(extra, "run.sh"), text);
  const archive = join(folder, "script.cpio");
  sh("sh", "-c", `cd '${extra}' && find . | cpio -o -H newc --quiet > '${archive}'`);
  const whole = join(folder, "initramfs");
  await writeFile(whole, Buffer.concat([await readFile(initramfs), await readFile(archive)]));
  return whole;
}

function watchConsole(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let wanted = "";
  const { promise, resolve } = Promise.withResolvers<boolean>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      if (wanted !== "" && text.includes(wanted)) resolve(true);
    }
    resolve(false);
  })();
  return {
    said: () => text,
    shows(words: string): Promise<boolean> {
      wanted = words;
      if (text.includes(words)) resolve(true);
      return promise;
    },
  };
}

async function freePort(): Promise<number> {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function sh(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
