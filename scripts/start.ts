/**
 * `npm start -- FLAGS`: builds ./pinetboot and serves at once. Where no shim is cached yet, the server builds it behind
 * its back, and we wait for that beside it to bundle the binary again with the shim inside.
 */
import { join } from "node:path";
import { cacheFolder } from "../src/shim/cache.ts";
import { findShim } from "../src/shim/index.ts";

const ROOT = join(import.meta.dir, "..");
const flags = Bun.argv.slice(2);

const quick = Bun.spawn([process.execPath, "build.ts", "--quick"], {
  cwd: ROOT,
  stdio: ["ignore", "inherit", "inherit"],
});
if ((await quick.exited) !== 0) process.exit(1);

const server = Bun.spawn([join(ROOT, "pinetboot"), "serve", ...flags], {
  stdio: ["inherit", "inherit", "inherit"],
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => server.kill(signal));

const bundler =
  (await findShim({ cacheDir: cacheFolder() })) === undefined
    ? Bun.spawn([process.execPath, "build.ts"], { cwd: ROOT, stdio: ["ignore", "ignore", "ignore"] })
    : undefined;

const code = await server.exited;
bundler?.kill();
process.exit(code);
