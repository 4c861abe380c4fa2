/**
 * iscsi-target-ts beside tgt: `bun bench/iscsi/run.ts [rounds] [folder] [part of a workload's name]` as root (Debian: gcc, libiscsi-dev, tgt).
 * The load is made by load.c over libiscsi. Every workload meets each target in turn, and that so many rounds, so that
 * what else the machine does falls on all of them; medians are compared. Prints Markdown.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { startTgt } from "./tgt.ts";

const rounds = Number(process.argv[2] ?? 5);
const wanted = process.argv[4] ?? "";
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "pinetboot-bench-iscsi-"));

/** Large enough that a run does not write one place twice, small enough to stay in the page cache. */
const DISK_BYTES = 512 * 2 ** 20;
const SECONDS = 1;
/** As in load.c. */
const WARM_UP_SECONDS = 0.25;
const TGT_PORT = 13_260;
const IDLE_SESSIONS = 200;
/** Until idle sessions are at rest: a server may tidy up after their logins. */
const REST_MS = 3000;
/** Of load, servers and all: whatever else runs on the machine weighs little then. */
const PRIORITY = -19;
/** Clock ticks of /proc/PID/stat in a second: fixed at 100 for programs on Linux. */
const TICKS = 100;

const CONTENDERS = ["raw", "overlay", "tgt", "tgt tuned"] as const;
type Contender = (typeof CONTENDERS)[number];

interface Load {
  readonly operation: "read" | "write";
  readonly order: "random" | "sequential";
  readonly blockBytes: number;
  readonly depth: number;
  readonly connections: number;
}

interface Workload {
  readonly name: string;
  readonly load: Load;
  /** What goes on at the same time and is not measured. */
  readonly beside?: Load;
}

const KIB = 1024;
const read = { operation: "read", connections: 1 } as const;
const write = { operation: "write", connections: 1 } as const;
const small = { order: "random", blockBytes: 4 * KIB } as const;
const large = { order: "sequential", blockBytes: 256 * KIB } as const;
const WORKLOADS: readonly Workload[] = [
  { name: "random read 4K, QD1", load: { ...read, ...small, depth: 1 } },
  { name: "random read 4K, QD32", load: { ...read, ...small, depth: 32 } },
  { name: "random write 4K, QD32", load: { ...write, ...small, depth: 32 } },
  { name: "sequential read 256K, QD8", load: { ...read, ...large, depth: 8 } },
  { name: "sequential read 256K, QD4, 4 connections", load: { ...read, ...large, depth: 4, connections: 4 } },
  { name: "sequential write 256K, QD8", load: { ...write, ...large, depth: 8 } },
  {
    name: "random read 4K, QD1, beside a write 256K, QD8",
    load: { ...read, ...small, depth: 1 },
    beside: { ...write, ...large, depth: 8 },
  },
];

/** The line that load.c prints. */
interface LoadNumbers {
  readonly operations: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

interface Measured {
  readonly operationsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** NaN where the server worked for somebody else too. */
  readonly operationsPerCpuSecond: number;
  /** What the load beside it moved meanwhile; NaN without one. */
  readonly besideMbPerSecond: number;
}

interface Server {
  readonly pid: number;
  /** What its disk is made of, in `folder`. */
  readonly image: string;
  readonly url: (fresh: string) => string;
}

setPriority(PRIORITY);
const groupBefore = raiseGroup(PRIORITY);
const program = join(folder, "load");
const ourProgram = join(folder, "serve");
compile();
for (const name of ["raw.img", "base.img", "tgt.img"]) fill(join(folder, name));
const ours = Bun.spawn([ourProgram, folder], { stdout: "pipe" });
const ourPort = await firstLine(ours.stdout);
const tgt = await startTgt(TGT_PORT, join(folder, "tgt.img"));
const SERVERS: Record<Contender, Server> = {
  raw: { pid: ours.pid, image: "raw.img", url: () => address(ourPort, "raw") },
  overlay: { pid: ours.pid, image: "base.img", url: (fresh) => address(ourPort, `overlay-${fresh}`) },
  tgt: { pid: tgt.pid, image: "tgt.img", url: () => address(String(TGT_PORT), "tgt") },
  "tgt tuned": { pid: tgt.pid, image: "tgt.img", url: () => address(String(TGT_PORT), "tgt-tuned") },
};

/** Rows of ratios, after all the figures. */
const summary: string[] = [];

try {
  const [cpu] = cpus();
  console.log(`${cpus().length} cores of ${cpu?.model ?? "an unknown kind"}, ${rounds} rounds.\n`);
  // First of all, while the servers are new.
  for (const contender of ["raw", "tgt"] as const)
    console.log(
      `${IDLE_SESSIONS} idle sessions, ${contender}: RSS ${await idleMib(SERVERS[contender])} MiB.`,
    );
  console.log("");
  console.log(
    "| Workload | Target | op/s | MB/s | least - most op/s | p50 us | p99 us | op per server CPU-second | to tgt |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const workload of WORKLOADS) if (workload.name.includes(wanted)) await compare(workload);
  console.log(
    "\n| Workload | raw to tgt | overlay to tgt | raw to tgt tuned | overlay to raw | per CPU, raw to tgt | per CPU, overlay to tgt |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  for (const line of summary) console.log(line);
} finally {
  ours.kill("SIGKILL");
  tgt.stop();
  rmSync(folder, { recursive: true });
  if (groupBefore !== undefined) raiseGroup(groupBefore);
}

async function compare({ name, load, beside }: Workload): Promise<void> {
  const results = new Map<Contender, Measured[]>(CONTENDERS.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [contender, list] of results) {
      const server = SERVERS[contender];
      warm(server.image);
      const url = server.url(`${WORKLOADS.findIndex((workload) => workload.name === name)}-${round}`);
      // It begins earlier and ends later than what is measured.
      const other = beside ? Bun.spawn(command(url, beside, SECONDS * 2), { stdout: "pipe" }) : undefined;
      if (other) await Bun.sleep((SECONDS * 1000) / 4);
      const measured = await measure(server, url, load, beside === undefined);
      const numbers = other ? await numbersOf(other, url) : undefined;
      const besideMbPerSecond = numbers ? (rateOf(numbers) * (beside?.blockBytes ?? 0)) / 1e6 : NaN;
      list.push({ ...measured, besideMbPerSecond });
      // What one has left in the page cache is not to be written out in the next one's time.
      if (load.operation === "write" || beside) spawnSync("sync", ["-f", folder]);
    }
  }
  const rate = (contender: Contender): number =>
    medianOf(results.get(contender) ?? [], "operationsPerSecond");
  const perCpu = (contender: Contender): number =>
    medianOf(results.get(contender) ?? [], "operationsPerCpuSecond");
  for (const [contender, list] of results) console.log(row(name, contender, load, list, rate("tgt")));
  const ratios = [
    rate("raw") / rate("tgt"),
    rate("overlay") / rate("tgt"),
    rate("raw") / rate("tgt tuned"),
    rate("overlay") / rate("raw"),
    perCpu("raw") / perCpu("tgt"),
    perCpu("overlay") / perCpu("tgt"),
  ];
  summary.push(
    `| ${[name, ...ratios.map((ratio) => (Number.isNaN(ratio) ? "-" : ratio.toFixed(2)))].join(" | ")} |`,
  );
}

async function measure(
  server: Server,
  url: string,
  load: Load,
  isAlone: boolean,
): Promise<Omit<Measured, "besideMbPerSecond">> {
  const before = cpuSeconds(server.pid);
  const child = Bun.spawn(command(url, load, SECONDS), { stdout: "pipe" });
  const numbers = await numbersOf(child, url);
  const spent = cpuSeconds(server.pid) - before;
  const operationsPerSecond = rateOf(numbers);
  return {
    operationsPerSecond,
    p50: numbers.p50,
    p99: numbers.p99,
    // The server worked during the warm-up too, at the same pace.
    operationsPerCpuSecond: isAlone
      ? (operationsPerSecond * (numbers.seconds + WARM_UP_SECONDS)) / spent
      : NaN,
  };
}

async function numbersOf(
  child: Bun.Subprocess<"ignore", "pipe", "inherit">,
  url: string,
): Promise<LoadNumbers> {
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the load on ${url} failed`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- load.c prints it so
  return JSON.parse(text) as LoadNumbers;
}

function rateOf({ operations, seconds }: LoadNumbers): number {
  return operations / seconds;
}

function row(
  name: string,
  contender: Contender,
  load: Load,
  list: readonly Measured[],
  tgtRate: number,
): string {
  const of = (key: keyof Measured): number => medianOf(list, key);
  const rates = list.map((one) => one.operationsPerSecond);
  const rate = of("operationsPerSecond");
  const beside = of("besideMbPerSecond");
  const perCpu = of("operationsPerCpuSecond");
  const cells = [
    name,
    contender,
    rate.toFixed(0),
    ((rate * load.blockBytes) / 1e6).toFixed(0) + (Number.isNaN(beside) ? "" : ` + ${beside.toFixed(0)}`),
    `${Math.min(...rates).toFixed(0)} - ${Math.max(...rates).toFixed(0)}`,
    of("p50").toFixed(0),
    of("p99").toFixed(0),
    Number.isNaN(perCpu) ? "-" : perCpu.toFixed(0),
    (rate / tgtRate).toFixed(2),
  ];
  return `| ${cells.join(" | ")} |`;
}

function command(url: string, load: Load, seconds: number): string[] {
  const { operation, order, blockBytes, depth, connections } = load;
  return [program, url, operation, order, ...[blockBytes, depth, connections, seconds].map(String)];
}

/** Resident memory of a server while many sessions are open that ask nothing. */
async function idleMib(server: Server): Promise<number> {
  const words = ["idle", "random", "4096", "1", String(IDLE_SESSIONS), "60"];
  const child = Bun.spawn([program, server.url("idle"), ...words], { stdout: "pipe" });
  await firstLine(child.stdout);
  await Bun.sleep(REST_MS);
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  child.kill();
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}

/** The load, and our own target as people run it: compiled into one binary. */
function compile(): void {
  const words = [
    "build",
    "--compile",
    "--minify",
    join(import.meta.dir, "serve.ts"),
    "--outfile",
    ourProgram,
  ];
  const build = spawnSync(process.execPath, words);
  if (build.status !== 0) throw new Error(`serve.ts does not compile: ${build.stderr.toString()}`);
  const source = join(import.meta.dir, "load.c");
  const { status, stderr } = spawnSync("gcc", ["-O2", "-Wall", "-o", program, source, "-liscsi"]);
  if (status !== 0) throw new Error(`load.c does not compile: ${stderr.toString()}`);
}

/** Random bytes, once over the whole disk: nothing of it is a hole, and all of it is in the page cache. */
function fill(path: string): void {
  const piece = new Uint8Array(2 ** 20);
  for (let at = 0; at < piece.length; at += 65_536) crypto.getRandomValues(piece.subarray(at, at + 65_536));
  const file = openSync(path, "w");
  for (let at = 0; at < DISK_BYTES; at += piece.length) writeSync(file, piece);
  closeSync(file);
}

/**
 * Where Linux groups processes by their terminal (sched_autogroup), a priority counts within the group alone, and this is the
 * group's own. Returns what it was; undefined where there are no such groups.
 */
function raiseGroup(nice: number): number | undefined {
  const path = "/proc/self/autogroup";
  if (!existsSync(path)) return undefined;
  const before = Number(/nice (-?\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  writeFileSync(path, String(nice));
  return before;
}

/**
 * Brings a file back into the page cache. A virtual machine may be made to give back what nobody has touched for a
 * second (Linux's DAMON), and then it is its host's disk that is measured.
 */
function warm(name: string): void {
  const piece = new Uint8Array(2 ** 20);
  const file = openSync(join(folder, name), "r");
  while (readSync(file, piece) > 0);
  closeSync(file);
}

function address(port: string, name: string): string {
  return `iscsi://127.0.0.1:${port}/iqn.2026-01.bench:${name}/1`;
}

/** CPU time of a process, all its threads, in user and system mode. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error("it ended without a word");
}

function medianOf(list: readonly Measured[], key: keyof Measured): number {
  return median(list.map((one) => one[key]));
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;
}
