/**
 * libiscsi's iscsi-test-cu of Debian trixie, run by its own loader beside whatever system this is.
 * One process per test: order does not matter, and a test that hangs costs only itself. CUnit counts a skip as a pass; this does not.
 */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../../src/shim/cache.ts";
import { AptRoot } from "../../../src/shim/debian/apt-root.ts";

export const CONFORMANCE_NEEDS = ["dpkg-deb", "apt-get"] as const;

const SUITE = "trixie";
const PACKAGES = ["libiscsi-bin", "libiscsi7", "libcunit1", "libc6"];
/** The longest test takes 4 s alone. */
const TEST_TIMEOUT_MS = 60_000;

export type Verdict = "pass" | "fail" | "skip" | "hang" | "crash";

export interface TestResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** Reasons of skips and words of failures. */
  readonly words: readonly string[];
}

export interface ConformanceTool {
  /** As in "libiscsi 1.20". */
  readonly version: string;
  /** "SCSI.Read10.Simple" and so on. */
  readonly names: readonly string[];
  /** Runs one test. Two addresses are two paths to the same disk. `mayWrite` lets it destroy what is on the disk, by SANITIZE too. */
  run(name: string, urls: readonly string[], mayWrite: boolean): Promise<TestResult>;
}

/** Downloads what the cache does not have. */
export async function conformanceTool(): Promise<ConformanceTool> {
  const { folder, version } = await unpackedTool();
  const [loader] = [...new Bun.Glob("usr/lib/*-linux-gnu/ld-linux-*.so.*").scanSync(folder)];
  if (loader === undefined) throw new Error(`${folder} has no loader`);
  const libraries = join(folder, loader, "..");
  const program = join(folder, "usr", "bin", "iscsi-test-cu");
  const start = async (words: readonly string[]): Promise<{ output: string; isHung: boolean }> => {
    const child = Bun.spawn([join(folder, loader), "--library-path", libraries, program, ...words], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: TEST_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const [output, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { output: `${output}\n${errors}`, isHung: child.signalCode === "SIGKILL" };
  };
  const { output } = await start(["-l"]);
  return {
    version,
    names: output.match(/\bi?SCSI\.\w+\.\w+/g) ?? [],
    async run(name, urls, mayWrite) {
      const ended = await start([...(mayWrite ? ["-d", "-S"] : []), "-v", "-t", name, ...urls]);
      return { name, ...(ended.isHung ? { verdict: "hang", words: [] } : verdictOf(ended.output)) };
    },
  };
}

async function unpackedTool(): Promise<{ folder: string; version: string }> {
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const root = await AptRoot.open(SUITE, { cacheDir: cacheFolder(), arch });
  const packaged = await root.newest("libiscsi-bin");
  const version = `libiscsi ${/^\d+\.\d+/.exec(packaged)?.[0] ?? packaged}`;
  const folder = join(cacheFolder(), "test", "libiscsi", `${packaged.replaceAll(/[^\w.-]/g, "_")}-${arch}`);
  if (await Bun.file(join(folder, "usr", "bin", "iscsi-test-cu")).exists()) return { folder, version };
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(join(folder, "..", "making-"));
  for (const { path } of await root.download(PACKAGES)) await root.unpack(path, work);
  await rm(folder, { recursive: true, force: true });
  await rename(work, folder);
  return { folder, version };
}

/** After "Test: NAME ..." come the words of the test, then "passed" or "FAILED", on the same line or a later one. */
function verdictOf(output: string): { verdict: Verdict; words: readonly string[] } {
  const said = output.slice(output.search(/^ +Test: /m));
  const words = [...said.matchAll(/\[(?:SKIPPED|FAILED)\] *(.*)/g)].map(([, text = ""]) => text.trim());
  if (/FAILED\s*$/m.test(said)) return { verdict: "fail", words };
  if (!/(?:^|[^a-zA-Z])passed(?:$| {4})/m.test(said)) return { verdict: "crash", words };
  return { verdict: said.includes("[SKIPPED]") ? "skip" : "pass", words };
}
