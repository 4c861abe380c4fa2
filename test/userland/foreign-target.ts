/** Somebody else's iSCSI target, tgt, on a host of the lab: the shim must work without our server too. */
import type { Host, Lab, LabProcess } from "../sim/net/lab.ts";

/** tgtd's control socket is found by a number that only one tgtd of the machine may have. */
const CONTROL_PORT = 10_000 + (process.pid % 20_000);

export interface ForeignTargetOptions {
  readonly address: string;
  readonly name: string;
  readonly username: string;
  readonly password: string;
  /** Backing files by LUN, from 1 on: LUN 0 is tgt's controller. */
  readonly disks: Readonly<Record<number, string>>;
}

/** Starts tgtd and waits until the target can be logged in to. It ends with the lab, or when it is killed. */
export async function startForeignTarget(
  lab: Lab,
  host: Host,
  options: ForeignTargetOptions,
): Promise<LabProcess> {
  const control = ["-C", String(CONTROL_PORT)];
  const daemon = lab.spawn(host, ["tgtd", "-f", ...control, "--iscsi", `portal=${options.address}:3260`]);
  const admin = (words: string): boolean => {
    const command = [...host.run, "tgtadm", ...control, "--lld", "iscsi", ...words.split(" ")];
    return Bun.spawnSync(command, { stderr: "ignore", stdout: "ignore" }).success;
  };
  // tgtd says nothing when its socket is there; asking is the only way to know.
  while (!admin("--op show --mode sys")) await Bun.sleep(100);
  const must = (words: string): void => {
    if (!admin(words)) throw new Error(`tgtadm ${words} failed`);
  };
  must(`--op new --mode target --tid 1 -T ${options.name}`);
  must(`--op new --mode account --user ${options.username} --password ${options.password}`);
  must(`--op bind --mode account --tid 1 --user ${options.username}`);
  for (const [lun, file] of Object.entries(options.disks))
    must(`--op new --mode logicalunit --tid 1 --lun ${lun} -b ${file}`);
  must("--op bind --mode target --tid 1 -I ALL");
  return daemon;
}
