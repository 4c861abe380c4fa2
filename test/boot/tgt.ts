/** Somebody else's iSCSI target: tgt, on a host of the lab, with one disk. */
import { mkdirSync } from "node:fs";
import type { Host, Lab } from "../sim/net/lab.ts";

/** tgt keeps LUN 0 for its controller. */
export const TGT_LUN = 1;
/** tgtd makes its control socket within a second. */
const START_TRIES = 100;
const START_STEP_MS = 100;

/** Serves `image` read-write, without a login, as LUN 1 of `target`. */
export async function startTgt(lab: Lab, host: Host, target: string, image: string): Promise<void> {
  mkdirSync("/run/tgtd", { recursive: true });
  // The control socket is named by this number and seen by the whole machine.
  const control = `${process.pid % 32_768}`;
  lab.spawn(host, ["tgtd", "--foreground", "--control-port", control]);
  const admin = async (...words: string[]): Promise<number> => {
    const child = lab.spawn(host, ["tgtadm", "--control-port", control, "--lld", "iscsi", ...words]);
    return child.exited;
  };
  const newTarget = ["--op", "new", "--mode", "target", "--tid", "1", "--targetname", target];
  for (let tries = 0; (await admin(...newTarget)) !== 0; tries++) {
    if (tries === START_TRIES) throw new Error("tgtd does not start");
    await Bun.sleep(START_STEP_MS);
  }
  const unit = ["--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", `${TGT_LUN}`];
  const bind = ["--op", "bind", "--mode", "target", "--tid", "1", "--initiator-address", "ALL"];
  const failed = (await admin(...unit, "--backing-store", image)) || (await admin(...bind));
  if (failed) throw new Error("tgtadm failed");
}
