import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bootTree } from "./boot-tree.ts";
import { STANDALONE_CMDLINE } from "./boards/cmdline.ts";
import type { ShimBundle } from "./bundle/bundle.ts";
import type { ShimVariant } from "./variants.ts";

const README = `A tree that Raspberry Pis boot from, for any TFTP server (dnsmasq, tftpd-hpa, ...).

cmdline.txt (for a Pi 5 and 500: cmdline-pi5.txt) may say which disk to boot:
  iscsi.ip=192.168.1.10 iscsi.target=iqn.2026-01.example:disk
and, where they differ from the defaults,
  iscsi.port=3260 iscsi.lun=0 iscsi.initiator=IQN iscsi.username=NAME iscsi.password=SECRET iscsi.mode=pivot
Without them the shim asks the server in pinetboot.server=IP:PORT, and then takes DHCP's answer:
  option 17 (root-path)  iscsi:192.168.1.10::3260:0:iqn.2026-01.example:disk
  option 224 (text)      the mode: pivot
Each of the two is one line. Whoever can reach the TFTP server can read them.

manifest.json says what each file is and where it comes from.
`;

/**
 * Writes the bundle as a tree of files that any TFTP server can serve.
 *
 * @param dir made when missing; files of the same names are replaced, others stay
 * @returns the paths written, relative to `dir`
 */
export async function extractShim(
  bundle: ShimBundle,
  dir: string,
  variant: ShimVariant = "ethernet",
): Promise<readonly string[]> {
  const tree = bootTree(bundle, { cmdline: STANDALONE_CMDLINE, variant });
  const paths = [...tree.paths(), "README.txt"];
  for (const path of paths) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, tree.get(path) ?? README);
  }
  return paths;
}
