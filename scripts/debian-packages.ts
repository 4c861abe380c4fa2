/** What the tests need of Debian, installed when it is missing and we may. */
import packages from "./debian-packages.json" with { type: "json" };

export type PackageSet = keyof typeof packages;

/**
 * Installs the packages of a set that are missing, when this is a Debian system and we are root.
 * Elsewhere it says in one line how to get them and goes on: suites skip what they cannot run, and fail in CI.
 */
export async function installDebianPackages(set: PackageSet): Promise<void> {
  const missing = await missingPackages(packages[set]);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null) {
    console.log(`some tests will be skipped; they need: sudo apt-get install ${missing.join(" ")}`);
    return;
  }
  console.log(`installing ${missing.length} Debian packages ...`);
  await aptGet("update");
  await aptGet("install", "-y", "--no-install-recommends", ...missing);
}

async function missingPackages(names: readonly string[]): Promise<readonly string[]> {
  if (Bun.which("dpkg-query") === null) return names;
  const query = Bun.spawn(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", ...names], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const lines = (await new Response(query.stdout).text()).split("\n");
  const installed = new Set(
    lines.filter((line) => line.endsWith(" installed")).map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}

async function aptGet(...words: string[]): Promise<void> {
  const child = Bun.spawn(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", ...words], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const complaint = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`apt-get ${words.join(" ")} failed: ${complaint.trim()}`);
}
