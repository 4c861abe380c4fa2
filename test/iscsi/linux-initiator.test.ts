/** The Linux kernel's own initiator with a filesystem on each of two disks: plain, and with both digests. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, TARGET, serve } from "../../src/iscsi-target/testing/serve.ts";
import { describeWith } from "../support/tools.ts";
import { LINUX_NEEDS, type Machine, bootLinux, linuxMachine } from "./linux-initiator.ts";

const MIB = 1024 * 1024;
const LOGIN = { user: "pi", secret: "0123456789abcdef" };
/** A download and a boot without hardware virtualisation, on a machine that is busy with other suites. */
const TIMEOUT_MS = 600_000;

const script = (plain: Served, digests: Served): string => `
login() {
  iscsistart -i iqn.2026-01.test:linux -g 1 -a 10.0.2.2 -t ${TARGET} "$@" && echo "[machine] login ok"
}
login -p ${plain.port} -u ${LOGIN.user} -w ${LOGIN.secret}
login -p ${digests.port} -P node.conn[0].iscsi.HeaderDigest=CRC32C -P node.conn[0].iscsi.DataDigest=CRC32C
i=0
until [ -b /dev/sda ] && [ -b /dev/sdb ] || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done
cat /sys/class/iscsi_connection/*/header_digest /sys/class/iscsi_connection/*/data_digest | tr '\\n' ' '
echo "[machine] digests"
cat /sys/block/sd?/device/model /sys/block/sd?/queue/physical_block_size /sys/block/sd?/queue/write_cache /sys/block/sd?/queue/discard_max_bytes | tr '\\n' ' '
echo "[machine] queues"
dd if=/dev/urandom of=/run/file bs=1M count=20 2>/dev/null
sum=$(md5sum < /run/file)
for disk in sda sdb; do
  /bin/mke2fs -q -t ext4 /dev/$disk
  mount -t ext4 -o discard /dev/$disk /mnt
  cp /run/file /mnt/file
  dd if=/run/file of=/mnt/synced bs=64k count=16 conv=fsync 2>/dev/null
  umount /mnt
  echo 3 > /proc/sys/vm/drop_caches
  mount -t ext4 /dev/$disk /mnt
  grep -q "/dev/$disk /mnt ext4" /proc/mounts && [ "$(md5sum < /mnt/file)" = "$sum" ] && echo "[machine] $disk same"
  rm /mnt/synced
  umount /mnt
  /bin/e2fsck -f -n /dev/$disk && echo "[machine] $disk clean"
done
dmesg | grep -iE 'error|sense key|abort|timed out' | grep -v 'RAS\\|Correctable' && echo "[machine] kernel complained"
`;

describeWith(LINUX_NEEDS, "the Linux kernel's initiator", () => {
  let machine: Machine;
  let folder: string;
  let plain: Served;
  let digests: Served;

  beforeAll(async () => {
    machine = await linuxMachine();
    folder = await mkdtemp(join(tmpdir(), "iscsi-linux-"));
    plain = await serve({ device: new RamDevice(128 * MIB), auth: LOGIN });
    digests = await serve({ device: new RamDevice(96 * MIB) });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await plain.server.stop();
    await digests.server.stop();
    await rm(folder, { recursive: true });
  });

  test(
    "makes ext4, writes, reads it back after a remount and finds it clean, with and without digests",
    async () => {
      const console = await bootLinux(machine, script(plain, digests), folder);
      expect(console.match(/login ok/g) ?? [], console).toHaveLength(2);
      expect(console).toContain("0 1 0 1 [machine] digests");
      expect(console).toContain("sda same");
      expect(console).toContain("sda clean");
      expect(console).toContain("sdb same");
      expect(console).toContain("sdb clean");
      expect(console).not.toContain("kernel complained");
      expect(console).toContain("[machine] done");
      // Write cache and page size are what the disk said of itself; Linux flushed because of the first.
      expect(console).toMatch(
        /RAM disk +RAM disk +512 512 write back write back [1-9]\d* [1-9]\d* \[machine\] queues/,
      );
      expect(plain.device.flushes).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
