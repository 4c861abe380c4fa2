/** tgt as the one to compare with: a daemon of its own on a port of its own, one file behind two targets. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** The second target is tuned as our own negotiates by itself. */
const TARGETS = [
  { id: "1", name: "iqn.2026-01.bench:tgt", parameters: [] },
  {
    id: "2",
    name: "iqn.2026-01.bench:tgt-tuned",
    parameters: [
      ["MaxRecvDataSegmentLength", "262144"],
      ["FirstBurstLength", "262144"],
      ["InitialR2T", "No"],
    ],
  },
] as const;
/** Tells this daemon from another tgt on the machine. */
const CONTROL_PORT = "17";
const START_ATTEMPTS = 50;

export interface Tgt {
  readonly pid: number;
  stop(): void;
}

/** Starts tgtd on 127.0.0.1:`port` over `image`. Throws when it does not come up. */
export async function startTgt(port: number, image: string): Promise<Tgt> {
  mkdirSync("/run/tgtd", { recursive: true });
  const words = ["-f", "-C", CONTROL_PORT, "--iscsi", `portal=127.0.0.1:${port}`];
  const child = spawn("tgtd", words, { stdio: "ignore" });
  const stop = (): void => void child.kill("SIGKILL");
  try {
    await answers();
    for (const { id, name, parameters } of TARGETS) {
      admin("--mode", "target", "--op", "new", "--tid", id, "--targetname", name);
      for (const [key, value] of parameters)
        admin("--mode", "target", "--op", "update", "--tid", id, "--name", key, "--value", value);
      admin("--mode", "logicalunit", "--op", "new", "--tid", id, "--lun", "1", "--backing-store", image);
      admin("--mode", "target", "--op", "bind", "--tid", id, "--initiator-address", "ALL");
    }
  } catch (error) {
    stop();
    throw error;
  }
  return { pid: child.pid ?? 0, stop };
}

async function answers(): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    if (tgtadm("--mode", "target", "--op", "show").status === 0) return;
    await Bun.sleep(100);
  }
  throw new Error("tgtd does not answer");
}

function admin(...words: string[]): void {
  const { status, stderr } = tgtadm(...words);
  if (status !== 0) throw new Error(`tgtadm ${words.join(" ")}: ${stderr}`);
}

function tgtadm(...words: string[]) {
  return spawnSync("tgtadm", ["-C", CONTROL_PORT, "--lld", "iscsi", ...words], { encoding: "utf8" });
}
