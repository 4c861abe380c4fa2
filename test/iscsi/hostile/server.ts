/**
 * A target in a process of its own, so that its memory is its own: started by harness.ts, which speaks to it by lines.
 * The limits are the target's own, except for times, which are shortened to what a test can wait for.
 */
import { createInterface } from "node:readline";
import { type OpenTarget, type Target, createIscsiServer } from "../../../src/iscsi-target/src/index.ts";
import { RamDevice } from "../../../src/iscsi-target/testing/ram-device.ts";
import { CHAP, DISK_BYTES, LOGIN_TIMEOUT_MS, TARGETS } from "./circumstances.ts";

/** How long the slow disk takes for each read. */
const SLOW_READ_MS = 100;

class SlowDevice extends RamDevice {
  override tryRead(): boolean {
    return false;
  }

  override async read(into: Uint8Array, offset: number): Promise<void> {
    await Bun.sleep(SLOW_READ_MS);
    await super.read(into, offset);
  }
}

let opened = 0;
let closed = 0;
let failedLogins = 0;
const fast = new RamDevice(DISK_BYTES);
const slow = new SlowDevice(DISK_BYTES / 8);

function target(name: string, device: RamDevice, naa: string, auth: Target["auth"] = "none"): Target {
  const unit = { lun: 0, device, blockSizeBytes: 512, naa, serialNumber: naa } as const;
  const open = (): OpenTarget => {
    opened++;
    return { units: [unit], closed: () => void closed++ };
  };
  return { name, auth, open };
}

const targets = [
  target(TARGETS.fast, fast, "3000000000000001"),
  target(TARGETS.slow, slow, "3000000000000002"),
  target(TARGETS.chap, fast, "3000000000000001", CHAP),
];
const server = await createIscsiServer({
  hostname: "0.0.0.0",
  port: 0,
  directory: {
    find: (name) => targets.find((target) => target.name === name),
    visible: () => targets.map(({ name }) => name),
    chapSecret: (user) => (user === CHAP.user ? CHAP.secret : undefined),
  },
  onEvent: (event) => void (failedLogins += event.kind === "login-failed" ? 1 : 0),
  limits: { loginTimeoutMs: LOGIN_TIMEOUT_MS, stopGraceMs: 500, logoutWaitMs: 100 },
});
console.log(JSON.stringify({ port: server.port }));

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "collect") Bun.gc(true);
  const rssBytes = process.memoryUsage().rss;
  const sessions = server.sessions().length;
  console.log(JSON.stringify({ rssBytes, sessions, opened, closed, failedLogins }));
}
process.exit(0);
