/**
 * The only part that runs on a bare machine: Node alone, nothing installed. It brings the npm packages (Bun among
 * them) and hands over to a script in TypeScript. `npm start`, `npm test` and `npm run build` all come through here.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUN = join(ROOT, "node_modules", "bun", "bin", "bun.exe");
const STAMP = join(ROOT, "node_modules", ".installed-from");

const SCRIPTS = {
  start: ["scripts/start.ts"],
  build: ["build.ts"],
  test: ["scripts/test.ts"],
};

const [name, ...words] = process.argv.slice(2);
const script = SCRIPTS[name];
if (!script) {
  console.error(`bootstrap: unknown script "${name}"; one of ${Object.keys(SCRIPTS).join(", ")}`);
  process.exit(2);
}

installPackages();
handOver([...script, ...words]);

/** Installs what package-lock.json says, once for each state of it. */
function installPackages() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted && bunRuns()) return;
  console.error("pinetboot: installing npm packages ...");
  // Not `npm ci`: it refuses a lock in which a mirror that lacks some platforms of an optional package left gaps.
  const npm = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0)
    fail("npm install failed (its own words stand above); is the npm registry reachable?");
  // Where npm is told not to run install scripts, Bun's own one has not put its program in place yet.
  if (!bunRuns()) spawnSync(process.execPath, ["install.js"], { cwd: join(ROOT, "node_modules", "bun") });
  if (!bunRuns()) fail("Bun does not run on this machine; Linux, macOS or Windows on x64 or arm64 is needed");
  writeFileSync(STAMP, wanted);
}

function bunRuns() {
  return existsSync(BUN) && spawnSync(BUN, ["--version"]).status === 0;
}

/** Runs Bun in our place: its exit code is ours, and a signal to us reaches it. */
function handOver(bunWords) {
  const child = spawn(BUN, bunWords, { cwd: ROOT, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

function fail(message) {
  console.error(`pinetboot: ${message}`);
  process.exit(1);
}
