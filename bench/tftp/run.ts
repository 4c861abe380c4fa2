/**
 * tftp-ts beside tftpd-hpa and dnsmasq: `bun bench/tftp/run.ts [rounds]` as root.
 * Each server runs on a host of its own in the test lab; rounds are interleaved, so that what else the machine
 * does falls on all of them; medians are compared. The ratio is ours to the best other one: above 1 we are faster.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Host, Lab } from "../../test/sim/net/lab.ts";

const BYTES = 20_000_000;
const LOSSY_BYTES = 500_000;
/** A peer whose timers are seconds long may take its time; then it counts as this long. */
const PATIENCE_SECONDS = 60;

const folder = mkdtempSync(join(tmpdir(), "pinetboot-bench-tftp-"));
// tftpd-hpa serves as nobody, what everybody may read.
chmodSync(folder, 0o755);
writeFileSync(join(folder, "large"), randomBytes(BYTES));
writeFileSync(join(folder, "lossy"), randomBytes(LOSSY_BYTES));

const SERVERS = {
  "tftp-ts": [process.execPath, join(import.meta.dir, "../../test/tftp/serve-folder.ts"), folder],
  "tftpd-hpa": ["in.tftpd", "--listen", "--foreground", "--address", ":69", "--secure", folder],
  dnsmasq: [
    "dnsmasq",
    "-k",
    "-p",
    "0",
    "-u",
    "root",
    "--conf-file=/dev/null",
    "--enable-tftp",
    `--tftp-root=${folder}`,
  ],
} as const;

type Name = keyof typeof SERVERS;

function curl(blockBytes: number, file: string) {
  const options = ["-sS", "-m", String(PATIENCE_SECONDS), "--tftp-blksize", String(blockBytes)];
  return (address: string): string[] => ["curl", ...options, "-o", "/dev/null", `tftp://${address}/${file}`];
}

function atftp(windowBlocks: number, file: string) {
  const options = ["--option", "blksize 1468", "--option", `windowsize ${windowBlocks}`];
  return (address: string): string[] => ["atftp", "-g", "-r", file, "-l", "/dev/null", ...options, address];
}

interface Workload {
  readonly name: string;
  readonly where: "near" | "far";
  readonly bytes: number;
  readonly command: (address: string) => string[];
  /** The others do not negotiate windowsize. */
  readonly servers: readonly Name[];
}

const EVERY: readonly Name[] = ["tftp-ts", "tftpd-hpa", "dnsmasq"];
const WORKLOADS: readonly Workload[] = [
  { name: "20 MB, blksize 512", where: "near", bytes: BYTES, command: curl(512, "large"), servers: EVERY },
  { name: "20 MB, blksize 1468", where: "near", bytes: BYTES, command: curl(1468, "large"), servers: EVERY },
  {
    name: "20 MB, windowsize 8",
    where: "near",
    bytes: BYTES,
    command: atftp(8, "large"),
    servers: ["tftp-ts"],
  },
  {
    name: "20 MB, windowsize 64",
    where: "near",
    bytes: BYTES,
    command: atftp(64, "large"),
    servers: ["tftp-ts"],
  },
  {
    name: "0.5 MB, 1 ms and 0.5 % loss each way, blksize 1468",
    where: "far",
    bytes: LOSSY_BYTES,
    command: curl(1468, "lossy"),
    servers: EVERY,
  },
];

const rounds = Number(process.argv[2] ?? 5);
const lab = new Lab("bench");
try {
  const near = lab.addHost("near", { address: "10.69.0.10/24" });
  const way = { loss: 0.005, delayMs: 1 };
  const segment = await lab.addRelay({ there: way, back: way });
  const far = lab.addHost("far", { address: "10.69.0.20/24", segment });
  const addresses = new Map<Name, string>();
  for (const [i, name] of EVERY.entries()) {
    const address = `10.69.0.${i + 1}`;
    const host = lab.addHost(name, { address: `${address}/24` });
    lab.spawn(host, SERVERS[name]);
    addresses.set(name, address);
    await isServing(near, address);
  }
  for (const workload of WORKLOADS)
    await compare(workload, workload.where === "near" ? near : far, addresses);
} finally {
  await lab.dispose();
  rmSync(folder, { recursive: true });
}

async function compare(workload: Workload, host: Host, addresses: Map<Name, string>): Promise<void> {
  const seconds = new Map<Name, number[]>(workload.servers.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of workload.servers)
      seconds.get(name)?.push(await timed(host, workload.command(addresses.get(name) ?? "")));
  const medians = [...seconds].map(([name, list]) => [name, median(list)] as const);
  const rates = medians.map(([name, s]) => `${name} ${(workload.bytes / 1e6 / s).toFixed(1)} MB/s`);
  const others = medians.filter(([name]) => name !== "tftp-ts").map(([, s]) => s);
  const own = medians.find(([name]) => name === "tftp-ts")?.[1] ?? NaN;
  const ratio = others.length > 0 ? `; ratio ${(Math.min(...others) / own).toFixed(2)}` : "";
  console.log(`${workload.name}: ${rates.join(", ")}${ratio}`);
}

async function timed(host: Host, command: string[]): Promise<number> {
  const from = performance.now();
  const code = await lab.spawn(host, command).exited;
  return code === 0 ? (performance.now() - from) / 1000 : PATIENCE_SECONDS;
}

async function isServing(host: Host, address: string): Promise<void> {
  const ask = ["curl", "-s", "-m", "2", "-o", "/dev/null", `tftp://${address}/lossy`];
  for (let attempt = 0; attempt < 10; attempt++) {
    const [program = "", ...words] = [...host.run, ...ask];
    if (spawnSync(program, words).status === 0) return;
    await Bun.sleep(200);
  }
  throw new Error(`nobody serves at ${address}`);
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;
}
