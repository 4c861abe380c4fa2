/** The served disks as the tests prepare and inspect them. */
import { join } from "node:path";
import { type CreatedSession, iscsiUrl, runProgram, TestServer } from "../../support/pinetboot.ts";

export const BLOCK_BYTES = 512;
const LARGE_BLOCKS = 2048;

/** Blocks of a session's disk as QEMU's initiator reads them now. */
export async function readBlocks(
  session: CreatedSession,
  folder: string,
  { lun = 0, lba, count }: { lun?: number; lba: number; count: number },
): Promise<Buffer> {
  const file = join(folder, "blocks");
  // QEMU's dd reads one unit at a time: large ones, where they fit, are quick.
  const blocks = lba % LARGE_BLOCKS === 0 && count % LARGE_BLOCKS === 0 ? LARGE_BLOCKS : 1;
  const [skip, end] = [lba / blocks, (lba + count) / blocks];
  const range = [`bs=${BLOCK_BYTES * blocks}`, `skip=${skip}`, `count=${end}`];
  const words = ["dd", "-f", "raw", "-O", "raw", `if=${iscsiUrl(session, { lun })}`, `of=${file}`, ...range];
  const { code, stderr } = await runProgram(["qemu-img", ...words]);
  if (code !== 0) throw new Error(stderr);
  // How QEMU counts beside a skip has changed.
  return Buffer.from(await Bun.file(file).bytes()).subarray(0, count * BLOCK_BYTES);
}

/** Ends the server as a power cut would, and starts it again on the same data at the same port. */
export async function killAndRestart(server: TestServer, session: CreatedSession): Promise<TestServer> {
  await server.stop("SIGKILL");
  return TestServer.start({ data: server.data, flags: loopbackFlags(session) });
}

/** Flags that serve a session where it was served before. */
export function loopbackFlags(session: CreatedSession): string[] {
  const flags = "--interface lo --dhcp off --tftp-port 0 --report-port 0 --http 127.0.0.1:0 --no-shim-build";
  return [...flags.split(" "), "--iscsi-port", portOf(session)];
}

export function portOf({ portal }: CreatedSession): string {
  return portal.slice(portal.lastIndexOf(":") + 1);
}
