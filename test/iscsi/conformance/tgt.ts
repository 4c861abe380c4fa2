/** tgt to compare with: the machine's own package, a daemon on a port of loopback, one file as LUN 1. */
import { mkdirSync } from "node:fs";

export const TGT_NEEDS = ["tgtd", "tgtadm", "root"] as const;

const TARGET = "iqn.2026-01.test:tgt";
/** tgt keeps LUN 0 for its controller. */
const LUN = 1;
const START_TRIES = 100;
const START_STEP_MS = 100;

export interface Tgt {
  /** As in "1.0.85". */
  readonly version: string;
  readonly url: string;
  stop(): Promise<void>;
}

/** Throws when it does not come up. */
export async function startTgt(port: number, image: string): Promise<Tgt> {
  mkdirSync("/run/tgtd", { recursive: true });
  // The control socket is named by this number and seen by the whole machine.
  const control = ["--control-port", `${process.pid % 32_768}`];
  const daemon = Bun.spawn(["tgtd", "--foreground", ...control, "--iscsi", `portal=127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const stop = async (): Promise<void> => {
    daemon.kill("SIGKILL");
    await daemon.exited;
  };
  const admin = (words: string): boolean =>
    Bun.spawnSync(["tgtadm", ...control, "--lld", "iscsi", ...words.split(" ")], { stderr: "ignore" })
      .success;
  try {
    // tgtd says nothing when its socket is there; asking is the only way to know.
    const isThere = (): boolean => admin(`--op new --mode target --tid 1 --targetname ${TARGET}`);
    for (let tries = 0; !isThere(); tries++) {
      if (tries === START_TRIES || daemon.exitCode !== null) throw new Error("tgtd does not start");
      await Bun.sleep(START_STEP_MS);
    }
    for (const words of [
      `--op new --mode logicalunit --tid 1 --lun ${LUN} --backing-store ${image}`,
      // Without it a third of the suite would not be asked of it.
      `--op update --mode logicalunit --tid 1 --lun ${LUN} --params thin_provisioning=1`,
      "--op bind --mode target --tid 1 --initiator-address ALL",
    ])
      if (!admin(words)) throw new Error(`tgtadm ${words} failed`);
  } catch (error) {
    await stop();
    throw error;
  }
  const { stdout } = Bun.spawnSync(["tgtd", "--version"]);
  return {
    version: stdout.toString().trim(),
    url: `iscsi://127.0.0.1:${port}/${TARGET}/${LUN}`,
    stop,
  };
}
