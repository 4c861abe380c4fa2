/**
 * The pictures of docs/pictures: `bun test/page/pictures.ts` (Debian: node, chromium). A server on loopback with an image,
 * a disk in use and Pis in every state; the Pis are the reports that shims would send.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { iscsiUrl, SOURCE, TestServer, temporaryFolder } from "../support/pinetboot.ts";
import { driveBrowser } from "./drive.ts";

const PICTURES = resolve(import.meta.dir, "../../docs/pictures");
const COLUMNS = 110;
const ROWS = 30;

interface Told {
  readonly serial: string;
  readonly model: string;
  readonly reports: readonly string[];
}

const UP = [
  "kernel ok Linux 7.3.4-pinetboot on Raspberry Pi",
  "network ok eth0 has 192.168.1.20",
  "parameters ok Debian from 192.168.1.10",
  "login ok the disk is /dev/sda, 4.0 GiB",
  "root ok /dev/sda2 is the root, its init is /sbin/init",
  "handover ok handing over to /sbin/init",
];
const PIS: readonly Told[] = [
  { serial: "10000000ddb41a0c", model: "Raspberry Pi 4 Model B Rev 1.4", reports: UP },
  { serial: "9f2d3c4b5a697887", model: "Raspberry Pi 5 Model B Rev 1.0", reports: UP.slice(0, 4) },
  {
    serial: "00000000a5c2e301",
    model: "Raspberry Pi 3 Model B Plus Rev 1.3",
    reports: [...UP.slice(0, 3), "login fail the target refuses the password&fix=Reset the disk on the page"],
  },
  { serial: "1000000077c01f2e", model: "Raspberry Pi 400 Rev 1.0", reports: UP.slice(0, 2) },
];

const folder = temporaryFolder("pictures");
mkdirSync(PICTURES, { recursive: true });
const server = await TestServer.start({ data: join(folder.path, "data") });
try {
  const image = join(folder.path, "debian.img");
  await Bun.write(image, new Uint8Array(64 * 2 ** 20).fill(1));
  await server.json(z.unknown(), "image", "import", image, "--name", "debian-12");
  for (const pi of PIS) await tell(pi);
  for (const { serial } of PIS.slice(0, 3))
    await server.cli("pi", "assign", serial.slice(-8), "--image", "debian-12");
  const session = await server.createSession({ image: "blank", size: "256M" });
  const writer = Bun.spawn(
    [
      "qemu-io",
      "-f",
      "raw",
      ...Array.from({ length: 400 }, () => ["-c", "write 0 8M", "-c", "sleep 200"]).flat(),
      iscsiUrl(session),
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const screen = join(folder.path, "watch.txt");
  await Bun.write(screen, await watched());
  await driveBrowser("pictures", z.unknown(), {
    url: server.ready.http ?? "",
    file: JSON.stringify({ folder: PICTURES, screen }),
  });
  writer.kill();
  await writer.exited;
} finally {
  await server.stop();
  folder.dispose();
}

async function tell({ serial, model, reports }: Told): Promise<void> {
  const pi = `serial=${serial}&mac=dc:a6:32:01:02:${serial.slice(-2)}&boot=b1`;
  const end = AbortSignal.timeout(1_000);
  // Asked once, so that the server knows its model; the answer is held up until somebody chooses.
  await fetch(`http://${server.ready.report}/v1/parameters?${pi}&model=${encodeURIComponent(model)}`, {
    signal: end,
  }).catch(() => undefined);
  for (const report of reports) {
    const [stage = "", state = "", ...words] = report.split(" ");
    const body = `${pi}&stage=${stage}&state=${state}&detail=${words.join(" ").replaceAll(" ", "%20")}`;
    await fetch(`http://${server.ready.report}/v1/report`, { method: "POST", body });
  }
}

/** What `pinetboot watch` draws on a terminal of this size, its last whole screen. */
async function watched(): Promise<string> {
  const command = [...SOURCE, "watch", "--data", server.data].map((word) => `'${word}'`).join(" ");
  const child = Bun.spawn(["script", "-qec", `stty cols ${COLUMNS} rows ${ROWS}; ${command}`, "/dev/null"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, TERM: "xterm-256color" },
  });
  const decoder = new TextDecoder();
  let text = "";
  let ended = false;
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    if (ended || !/\[H(?!.*\[H).*refuses the password.*DISKS IN USE/s.test(text)) continue;
    ended = true;
    void child.stdin.write("q");
  }
  return text.slice(text.lastIndexOf("\u001b[H")).replaceAll("\r", "");
}
