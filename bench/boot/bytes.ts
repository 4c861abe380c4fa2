/**
 * What each kind of Pi fetches over TFTP: `bun bench/boot/bytes.ts` as root, with dnsmasq. The firmware emulator boots
 * from the extracted tree, so every byte is one that was on the wire. The original's Image.gz is as its page gives it
 * (about 13 and 19 MB); what its firmware files and device trees weigh is not known, so ours stand in for them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder, ensureShim, extractShim } from "../../src/shim/index.ts";
import { addRouter } from "../../test/boot/router.ts";
import { Lab } from "../../test/sim/net/lab.ts";
import { type ProfileName, runPi } from "../../test/sim/pi/index.ts";

const ORIGINAL_IMAGE_MB = { ethernet: 13, wifi: 19 } as const;
const PIS = [
  { name: "Pi 3B", profile: "pi3b", mac: "b8:27:eb:00:00:03" },
  { name: "Pi 4B", profile: "pi4", mac: "dc:a6:32:00:00:04" },
  { name: "Pi 5", profile: "pi5", mac: "2c:cf:67:00:00:05" },
] as const satisfies ReadonlyArray<{ name: string; profile: ProfileName; mac: string }>;

const dir = mkdtempSync(join(tmpdir(), "pinetboot-bytes-"));
const lab = new Lab("bytes");
try {
  const tree = join(dir, "tree");
  await extractShim(await ensureShim({ cacheDir: cacheFolder() }), tree);
  await addRouter(lab, ["--pxe-service=0,Raspberry Pi Boot   ", "--enable-tftp", `--tftp-root=${tree}`]);
  console.log(
    "| board | Image.gz, MB | everything else, MB | in all, MB | with the original's Image.gz, MB |",
  );
  console.log("| --- | --- | --- | --- | --- |");
  for (const { name, profile, mac } of PIS) {
    const outDir = join(dir, profile);
    const result = await runPi(lab, { tap: lab.addTap(), profile, serial: "00000000ddb41a0c", mac, outDir });
    if (result.outcome === "stopped") throw new Error(`${name}: ${result.reason}`);
    const sum = (isKernel: boolean): number =>
      result.requests
        // One that was broken off told its size and sent nothing.
        .filter(({ outcome, path }) => outcome === "sent" && path.endsWith("Image.gz") === isKernel)
        .reduce((bytes, request) => bytes + request.bytes, 0) / 1e6;
    const [kernel, rest] = [sum(true), sum(false)];
    const original = Object.entries(ORIGINAL_IMAGE_MB).map(
      ([variant, megabytes]) => `${(megabytes + rest).toFixed(1)} (${variant})`,
    );
    const cells = [name, kernel.toFixed(2), rest.toFixed(2), (kernel + rest).toFixed(2), original.join(", ")];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  await lab.dispose();
  rmSync(dir, { recursive: true, force: true });
}
