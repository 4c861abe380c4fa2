/**
 * A WiFi access point inside the virtual machine that the shim runs in: of two simulated radios (mac80211_hwsim) one is
 * the access point's, in a network namespace of its own, where hostapd bridges it to the machine's network card.
 *
 *   [namespace of the shim]  wlan0  ~ simulated air ~  wlan1 + eth0 on br0  [namespace of the access point] --- tap
 *
 * So the shim sees no wire, and every packet of it goes over the air. The test speaks to the access point through the
 * machine's virtio console.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:net";
import { AptRoot } from "../../src/shim/debian/apt-root.ts";
import { cacheFolder } from "../../src/shim/cache.ts";
import type { CpioEntry } from "../../src/shim/userland/cpio.ts";

/** hostapd and iw with all libraries that they need, of one Debian release. */
const PACKAGES = [
  "hostapd",
  "iw",
  "libc6",
  "libnl-3-200",
  "libnl-genl-3-200",
  "libnl-route-3-200",
  "libssl3",
] as const;
const SUITE = "bookworm";
/** Of those packages, what the two programs open; the rest would only take the machine's memory. */
const NEEDED =
  /^(?:usr\/sbin\/hostapd|(?:usr\/)?sbin\/iw|(?:usr\/)?lib(?:\/aarch64-linux-gnu)?\/(?:ld-linux-aarch64|libc|libnl-3|libnl-genl-3|libnl-route-3|libcrypto|libssl|libpthread|libdl|libm)\.so[.\d]*|(?:usr\/)?lib\/ld-linux-aarch64\.so\.1|(?:usr\/)?lib\/aarch64-linux-gnu\/libnl-[\w-]+\.so[.\d]*)$/;

/** Started in place of the shim's init, which it becomes at the end. */
const INIT = `#!/bin/busybox sh
PATH=/bin:/sbin
export PATH
mkdir -p /proc /sys /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in bridge "mac80211_hwsim radios=2"; do modprobe $module || echo "no $module" >/dev/console; done
# In memory of its own: the shim's files go away at its end, and the access point must not.
mkdir -p /air
mount -t tmpfs tmpfs /air
cp -a /ap/. /air
cp /bin/busybox /air/busybox
mkdir -p /air/proc /air/dev /air/sys
mount -t devtmpfs devtmpfs /air/dev
mount -t proc proc /air/proc
mount -t sysfs sysfs /air/sys
busybox unshare -n busybox chroot /air /busybox sh /serve.sh &
station=$!
until [ "$(readlink /proc/$station/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link set eth0 netns $station
busybox chroot /air /sbin/iw phy phy1 set netns $station
echo go >/air/go
umount /sys /proc
exec /init "$@"
`;

/** In the access point's namespace: commands of the test come by the virtio console, and its words go back there. */
const SERVE = `PATH=/
say() { busybox printf '%s\\n' "$*" >/dev/hvc0; }
until [ -e /go ]; do busybox sleep 0.1; done
busybox ip link add br0 type bridge
busybox ip link set eth0 master br0
busybox ip link set eth0 up
busybox ip link set br0 up
station=
while IFS= read -r name && IFS= read -r key; do
  [ -z "$station" ] || { busybox kill "$station"; wait "$station"; }
  {
    busybox printf 'interface=wlan1\\nbridge=br0\\ndriver=nl80211\\nhw_mode=g\\nchannel=1\\nssid2="%s"\\n' "$name"
    [ -z "$key" ] || busybox printf 'wpa=2\\nwpa_key_mgmt=%s\\nrsn_pairwise=CCMP\\nieee80211w=1\\nsae_require_mfp=1\\nwpa_passphrase=%s\\n' "\${key%%:*}" "\${key#*:}"
  } >/hostapd.conf
  [ "$name" != off ] || { station= && say off && continue; }
  /usr/sbin/hostapd /hostapd.conf >/hostapd.log 2>&1 &
  station=$!
  until busybox grep -q -e AP-ENABLED -e AP-DISABLED -e ailed /hostapd.log; do busybox sleep 0.1; done
  say "$(busybox grep -e AP-ENABLED -e ailed /hostapd.log | busybox tail -n 1)"
done </dev/hvc0
`;

/** Entries for an archive that is unpacked over the shim's: start the kernel with `rdinit=/ap/init`. */
export async function accessPointEntries(workDir: string): Promise<CpioEntry[]> {
  const root = await AptRoot.open(SUITE, { cacheDir: cacheFolder() });
  const unpacked = join(workDir, "ap");
  for (const { path } of await root.download(PACKAGES)) await root.unpack(path, unpacked);
  const found = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const files: CpioEntry[] = [];
  for (const row of found) {
    const from = join(row.parentPath, row.name);
    const path = from.slice(unpacked.length + 1);
    if (!NEEDED.test(path)) continue;
    if (row.isSymbolicLink()) files.push({ type: "link", path: `ap/${path}`, target: await readlink(from) });
    else files.push({ type: "file", path: `ap/${path}`, mode: 0o755, content: await readFile(from) });
  }
  files.push(script("ap/init", INIT), script("ap/serve.sh", SERVE));
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  return [...[...folders].map((path): CpioEntry => ({ type: "directory", path, mode: 0o755 })), ...files];
}

function script(path: string, text: string): CpioEntry {
  return { type: "file", path, mode: 0o755, content: new TextEncoder().encode(text) };
}

/** "a/b/c" lies in "a" and "a/b". */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** QEMU's flags for the console that the access point listens on. */
export function accessPointFlags(socketPath: string): string[] {
  return [
    "-device",
    "virtio-serial-pci",
    "-chardev",
    `socket,id=ap,path=${socketPath},server=on,wait=off`,
    "-device",
    "virtconsole,chardev=ap",
  ];
}

/** The access point of a machine that was started with `accessPointFlags`. */
export class AccessPoint {
  readonly #socket: ReturnType<typeof connect>;
  #said = "";
  #changed = Promise.withResolvers<void>();

  /** Connects to the machine's console; what is written before the access point listens waits there. */
  constructor(socketPath: string) {
    this.#socket = connect(socketPath);
    this.#socket.on("data", (bytes) => {
      this.#said += bytes.toString();
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    });
  }

  /** Serves a network from now on, instead of the one before. `key` is KEY_MGMT:PASSWORD, or empty for an open one. */
  async serve(name: string, key: string): Promise<void> {
    this.#said = "";
    this.#socket.write(`${name}\n${key}\n`);
    await this.#hears("AP-ENABLED");
  }

  /** Switches it off. */
  async off(): Promise<void> {
    this.#said = "";
    this.#socket.write("off\n\n");
    await this.#hears("off");
  }

  close(): void {
    this.#socket.destroy();
  }

  async #hears(words: string): Promise<void> {
    while (!this.#said.includes(words)) {
      if (this.#said.includes("ailed")) throw new Error(`the access point says: ${this.#said}`);
      await this.#changed.promise;
    }
  }
}
