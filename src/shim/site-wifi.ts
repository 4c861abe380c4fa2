/**
 * The WiFi file of a site, which its WiFi shim has inside as /etc/wpa_supplicant.conf. It is kept in the cache, so that
 * the server finds and builds the same shim again; it holds passwords, and so do the folders where shims are built.
 */
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kernelsDir } from "./kernel/source.ts";
import { shimsDir } from "./shim-cache.ts";
import { ShimError } from "./support/shim-error.ts";

/** The shim reads no more of it. */
const MAX_BYTES = 65_536;
const NETWORK = /^[ \t]*network[ \t]*=[ \t]*\{/m;

/** The file's content; undefined when this site has none. */
export async function siteWifi(cacheDir: string): Promise<Uint8Array | undefined> {
  return await readFile(sitePath(cacheDir)).catch(() => undefined);
}

/**
 * Keeps a wpa_supplicant.conf for every WiFi shim that is built in this cache from now on; undefined forgets it.
 *
 * @throws ShimError "bad-wifi" for one that names no network
 */
export async function keepSiteWifi(cacheDir: string, content: Uint8Array | undefined): Promise<void> {
  if (content === undefined) {
    await rm(sitePath(cacheDir), { force: true });
    return;
  }
  if (content.length > MAX_BYTES || !NETWORK.test(new TextDecoder().decode(content)))
    throw new ShimError(
      "bad-wifi",
      "the WiFi file is no wpa_supplicant.conf: it names no network",
      'It needs network={, ssid="NAME", psk="PASSWORD" and } on lines of their own.',
    );
  for (const dir of [shimsDir(cacheDir), kernelsDir(cacheDir)]) {
    await mkdir(dir, { recursive: true });
    await chmod(dir, 0o700);
  }
  await rm(sitePath(cacheDir), { force: true });
  await writeFile(sitePath(cacheDir), content, { mode: 0o600 });
}

function sitePath(cacheDir: string): string {
  return join(shimsDir(cacheDir), "wpa_supplicant.conf");
}
