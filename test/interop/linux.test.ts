/**
 * Linux's own initiator: the kernel's iscsi_tcp with open-iscsi's iscsistart, iscsid and iscsiadm, in a small machine that
 * is booted once. Its disks are served by the target alone (where the test looks behind it) and by the whole server.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { recipesFor } from "../../src/appliance/sessions/recipes.ts";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, serve, TARGET } from "../../src/iscsi-target/testing/serve.ts";
import { Console, DISK_ERRORS } from "../boot/console.ts";
import { bootLinux, LINUX_NEEDS, type LinuxProcess, linuxMachine } from "../iscsi/linux-initiator.ts";
import { type CreatedSession, CreatedSessionSchema, runProgram, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { BadWire } from "./support/bad-wire.ts";
import { killAndRestart, loopbackFlags, portOf } from "./support/disk.ts";
import { HOST_FROM_INSIDE } from "./support/machine.ts";

const LOGS = resolve(import.meta.dir, "../../dist/test-logs");
const COUNT_WRITES = resolve(import.meta.dir, "../roots/count-writes.sh");
const MIB = 1024 * 1024;
/** Of the file that the machine makes and copies. */
const FILE_MIB = 2;
const FILE_BYTES = FILE_MIB * MIB;
const ONE_WAY = { user: "pi", secret: "0123456789abcdef" };
const MUTUAL = { ...ONE_WAY, mutual: { user: "laptop", secret: "fedcba9876543210" } };
/** What open-iscsi 2.1.11 can, by its own names. */
const HASHES = ["MD5", "SHA1", "SHA256", "SHA3-256"];
/** What iscsiadm ends with when the target refuses it, and when it refuses the target. */
const REFUSED = "24";
const REFUSES = "19";
/** A download and a boot without hardware virtualisation, on a machine that is busy with other suites. */
const MACHINE_MS = 600_000;
const STEP_MS = 120_000;
/** How many numbers are written before and after something happens to the server. */
const NUMBERS = 15;
/** Longer than the initiator's ping and its answer take, so that it finds out by itself. */
const FROZEN_MS = 12_000;

const SETUP = `
mkdir -p /run/lock/iscsi /var/lib/iscsi /etc/iscsi
echo InitiatorName=iqn.2026-01.test:linux > /etc/iscsi/initiatorname.iscsi
# Debian's own settings, but for a wait of 2 s before each new login.
cat > /etc/iscsi/iscsid.conf <<END
node.startup = manual
node.session.timeo.replacement_timeout = 120
node.conn[0].timeo.login_timeout = 15
node.conn[0].timeo.logout_timeout = 15
node.conn[0].timeo.noop_out_interval = 5
node.conn[0].timeo.noop_out_timeout = 5
node.session.iscsi.DefaultTime2Wait = 0
END
cat > /etc/functions <<'END'
settle() {
  i=0
  until [ -b /dev/$1 ] || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done
  [ -b /dev/$1 ]
}
# Prints the kernel's name of the disk of the newest session.
newest() {
  session=$(ls /sys/class/iscsi_session | sed s/session// | sort -n | tail -n 1)
  i=0
  until ls -d /sys/class/iscsi_session/session$session/device/target*/*/block/* >/dev/null 2>&1 || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done
  basename /sys/class/iscsi_session/session$session/device/target*/*/block/*
}
# What this small machine has not, of those that a person's machine has: nobody becomes root, nothing is installed, and
# the link that udev makes is made by hand when it is waited for.
sudo() { "$@"; }
apt() { :; }
lsblk() { test -b "$1"; }
blkid() { false; }
mkfs.ext4() { /bin/mke2fs -q -t ext4 "$1"; }
udevadm() {
  disk=$(newest)
  mkdir -p /dev/disk/by-path
  session=/sys/class/iscsi_session/$(ls /sys/class/iscsi_session | sort -V | tail -n 1)
  portal=$(cat $session/device/connection*/iscsi_connection/connection*/persistent_address)
  port=$(cat $session/device/connection*/iscsi_connection/connection*/persistent_port)
  ln -sf /dev/$disk /dev/disk/by-path/ip-$portal:$port-iscsi-$(cat $session/targetname)-lun-0
}
END
stty -echo
ENV=/etc/functions setsid cttyhack sh
`;

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

describeWith(LINUX_NEEDS, "Linux's initiator", () => {
  let folder: string;
  let qemu: LinuxProcess;
  let console: Console;
  let plain: Served;
  let open: Served;
  let mutual: Served;
  let server: TestServer;
  let session: CreatedSession;

  beforeAll(async () => {
    const machine = await linuxMachine();
    folder = await mkdtemp(join(tmpdir(), "interop-linux-"));
    plain = await serve({ device: new RamDevice(128 * MIB), auth: ONE_WAY });
    open = await serve({ device: new RamDevice(96 * MIB) });
    mutual = await serve({ device: new RamDevice(32 * MIB), auth: MUTUAL });
    server = await TestServer.start({ data: join(folder, "data") });
    session = await server.createSession({ image: "blank", size: "256M" });
    const writer = `cat > /bin/count-writes <<'END'\n${await readFile(COUNT_WRITES, "utf8")}END\n`;
    qemu = await bootLinux(machine, `${writer}chmod 755 /bin/count-writes\n${SETUP}`, folder);
    const type = (text: string): void => {
      void qemu.stdin.write(text);
      void qemu.stdin.flush();
    };
    console = new Console("interop-linux", join(LOGS, "interop-linux.log"), { output: qemu.stdout, type });
    await console.waitFor(/# $/, STEP_MS);
  }, MACHINE_MS);

  afterAll(async () => {
    qemu?.kill("SIGKILL");
    await qemu?.exited;
    await Promise.all([plain, open, mutual].map((served) => served?.server.stop()));
    await server?.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  const sh = (command: string): Promise<string> => console.run(command, STEP_MS);
  const complaints = (): Promise<string> =>
    sh("dmesg -c | grep -iE 'error|sense key|abort|timed out' | grep -v 'RAS\\|Correctable' || :");

  /** Makes a node of iscsid's, with the settings given beside it. */
  async function addNode(
    target: string,
    port: number | string,
    settings: Record<string, string>,
  ): Promise<string> {
    const node = `iscsiadm -m node -T ${target} -p ${HOST_FROM_INSIDE}:${port}`;
    await sh(`${node} -o new`);
    for (const [name, value] of Object.entries(settings))
      await sh(`${node} -o update -n ${name} -v ${value}`);
    return node;
  }

  /** Makes a file system and finds in it what was written, from the disk and not from memory; leaves it unmounted. */
  async function tryFilesystem(disk: string): Promise<void> {
    await sh(`/bin/mke2fs -q -t ext4 /dev/${disk} && mount -t ext4 -o discard /dev/${disk} /mnt`);
    await sh(`dd if=/dev/urandom of=/run/file bs=1M count=${FILE_MIB} 2>/dev/null && cp /run/file /mnt/file`);
    await sh("dd if=/run/file of=/mnt/synced bs=64k count=16 conv=fsync 2>/dev/null");
    await sh(`umount /mnt && echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/${disk} /mnt`);
    await sh("cmp /run/file /mnt/file && rm /mnt/synced && umount /mnt");
    await sh(`/bin/e2fsck -f -n /dev/${disk} >/dev/null`);
  }

  test(
    "iscsistart logs in by CHAP; the disk is what it says, takes a file system, and no command fails",
    async () => {
      const where = `-i iqn.2026-01.test:linux -g 1 -a ${HOST_FROM_INSIDE} -t ${TARGET} -p ${plain.port}`;
      await sh(
        `! iscsistart ${where} -u ${ONE_WAY.user} -w not-the-secret >/dev/null 2>&1 && sleep 0.2; dmesg -c >/dev/null`,
      );
      await sh(`iscsistart ${where} -u ${ONE_WAY.user} -w ${ONE_WAY.secret} >/dev/null 2>&1 && settle sda`);
      const queue = "/sys/block/sda/queue";
      expect(await sh(`cat ${queue}/minimum_io_size ${queue}/write_cache | tr '\\n' ' '`)).toBe(
        "4096 write back",
      );
      expect(Number(await sh(`cat ${queue}/discard_max_bytes`))).toBeGreaterThan(0);
      await tryFilesystem("sda");
      // Linux flushed because the disk told of its cache.
      expect(plain.device.flushes).toBeGreaterThan(0);
      expect(await complaints()).toBe("");
    },
    STEP_MS * 4,
  );

  test(
    "iscsid finds the targets that its login may see, and logs in to one that proves itself too, by each hash",
    async () => {
      await sh("iscsid");
      const find = `iscsiadm -m discoverydb -t st -p ${HOST_FROM_INSIDE}:${mutual.port}`;
      await sh(`${find} -o new >/dev/null`);
      // Without a login nothing is shown, which open-iscsi takes for an error of its own.
      expect(await sh(`${find} --discover -o nonpersistent 2>&1 || :`)).not.toContain(TARGET);
      const discovery = "discovery.sendtargets.auth";
      const login = { authmethod: "CHAP", username: MUTUAL.user, password: MUTUAL.secret };
      for (const [name, value] of Object.entries(login))
        await sh(`${find} -o update -n ${discovery}.${name} -v ${value}`);
      expect(await sh(`${find} --discover -o nonpersistent`)).toContain(TARGET);

      const node = await addNode(TARGET, mutual.port, {
        "node.session.auth.authmethod": "CHAP",
        "node.session.auth.username": MUTUAL.user,
        "node.session.auth.password": MUTUAL.secret,
        "node.session.auth.username_in": MUTUAL.mutual.user,
        "node.session.auth.password_in": "not-the-secret",
        "'node.conn[0].iscsi.HeaderDigest'": "CRC32C",
        "'node.conn[0].iscsi.DataDigest'": "CRC32C",
      });
      const password = (name: string, value: string): Promise<string> =>
        sh(`${node} -o update -n node.session.auth.${name} -v ${value}`);
      const outcome = (): Promise<string> => sh(`${node} --login >/dev/null 2>&1; echo $?`);
      expect(await outcome()).toBe(REFUSES);
      await password("password_in", MUTUAL.mutual.secret);
      await password("password", "not-the-secret");
      expect(await outcome()).toBe(REFUSED);
      await password("password", MUTUAL.secret);
      for (const hash of HASHES) {
        await sh(`${node} -o update -n node.session.auth.chap_algs -v ${hash}`);
        await sh(`${node} --login >/dev/null && ${node} --logout >/dev/null`);
      }
      expect(mutual.events.filter(({ kind }) => kind === "login")).toHaveLength(HASHES.length);
      expect(mutual.ends.filter((end) => end === "logout")).toHaveLength(HASHES.length);
    },
    STEP_MS * 4,
  );

  test(
    "scsipub's quick start runs as it is written: curl with any key, then iscsiadm with what it answered",
    async () => {
      const sizes = [48, 24] as const;
      const made = [
        await createByCurl(server, `{"image": "blank", "size": "${sizes[0]}M"}`),
        await createByCurl(server, `{"images": ["blank", {"image": "blank", "size": "${sizes[1]}M"}]}`),
      ] as const;
      for (const disk of made) {
        const { iqn, chap_user, chap_secret } = disk;
        const node = `iscsiadm -m node -T ${iqn} -p ${HOST_FROM_INSIDE}:${portOf(disk)}`;
        await sh(`${node} -o new >/dev/null`);
        await sh(`${node} -o update -n node.session.auth.authmethod -v CHAP`);
        await sh(`${node} -o update -n node.session.auth.username -v ${chap_user}`);
        await sh(`${node} -o update -n node.session.auth.password -v ${chap_secret}`);
        await sh(`${node} --login >/dev/null`);
        // In sectors of 512 bytes, one line a disk; the machine needs a moment to find them.
        const found =
          "cat /sys/class/iscsi_session/session$session/device/target*/*/block/*/size | sort -n | tr '\\n' ' '";
        const wanted = iqn === made[0].iqn ? [sizes[0]] : [sizes[1], 4096];
        await sh("newest >/dev/null");
        const session = "session=$(ls /sys/class/iscsi_session | sed s/session// | sort -n | tail -n 1)";
        const lines = wanted.map((mib) => String(mib * 2048)).join(" ");
        await sh(
          `${session}; i=0; until [ "$(${found})" = "${lines} " ] || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done`,
        );
        expect(await sh(`${session}; ${found}`)).toBe(lines);
        await sh(
          "disk=$(newest) && dd if=/run/file of=/dev/${disk%% *} bs=64k count=4 oflag=direct 2>/dev/null",
        );
        await sh(`${node} --logout >/dev/null`);
      }
    },
    STEP_MS * 4,
  );

  test(
    "both digests are on, and a bit that the wire turns over costs a try, not a byte",
    async () => {
      const wire = new BadWire(open.port);
      try {
        const digests = {
          "'node.conn[0].iscsi.HeaderDigest'": "CRC32C",
          "'node.conn[0].iscsi.DataDigest'": "CRC32C",
        };
        const node = await addNode(TARGET, wire.port, digests);
        await sh(`${node} --login >/dev/null`);
        const disk = await sh("newest");
        const connection =
          "/sys/class/iscsi_connection/connection$(ls /sys/class/iscsi_session | sed s/session// | sort -n | tail -n 1):0";
        expect(await sh(`cat ${connection}/header_digest ${connection}/data_digest | tr '\\n' ' '`)).toBe(
          "1 1",
        );
        await tryFilesystem(disk);
        await sh(`dd if=/run/file of=/dev/${disk} bs=1M oflag=direct 2>/dev/null`);
        const sum = (await sh("md5sum < /run/file")).slice(0, 32);
        for (const part of ["data", "header"] as const) {
          const read = wire.strike({ to: "initiator", part });
          await sh(
            `dd if=/dev/${disk} of=/run/again bs=1M count=${FILE_MIB} iflag=direct 2>/dev/null && cmp /run/file /run/again`,
          );
          await read;
          // Something else, so that what was there before does not pass for it.
          await sh(`dd if=/dev/zero of=/dev/${disk} bs=1M count=${FILE_MIB} oflag=direct 2>/dev/null`);
          const written = wire.strike({ to: "target", part });
          await sh(`dd if=/run/file of=/dev/${disk} bs=1M oflag=direct 2>/dev/null`);
          await written;
          expect(md5(open.device.bytes.subarray(0, FILE_BYTES))).toBe(sum);
        }
        await sh(`${node} --logout >/dev/null`);
      } finally {
        wire.close();
      }
    },
    STEP_MS * 4,
  );

  test(
    "while a file system is mounted the server is stopped, killed, and killed after a silence: no program sees it",
    async () => {
      const linux =
        recipesFor({ ...session, portal: `${HOST_FROM_INSIDE}:${portOf(session)}` })[0]?.text ?? "";
      // The commands that a person is given, as they are, from the login to the mounted disk.
      const commands = linux.split("\n").filter((line) => !line.startsWith("#"));
      await sh(`{ ${commands.join(" ")}; } >/dev/null 2>&1`);
      expect(await sh("grep -c ' /mnt ext4 ' /proc/mounts")).toBe("1");
      const disk = await sh("newest");
      await sh("dmesg -n 1; count-writes /mnt/numbers & writer=$!");
      await writesUntil(NUMBERS);
      expect(await server.stop()).toBe(0);
      server = await TestServer.start({ data: server.data, flags: loopbackFlags(session) });
      await writesUntil(lastNumber() + NUMBERS);
      server = await killAndRestart(server, session);
      await writesUntil(lastNumber() + NUMBERS);
      process.kill(server.pid, "SIGSTOP");
      await Bun.sleep(FROZEN_MS);
      server = await killAndRestart(server, session);
      await writesUntil(lastNumber() + NUMBERS);
      await sh(
        "kill $writer; wait $writer; i=0; until umount /mnt || [ $i = 50 ]; do i=$((i+1)); sleep 0.1; done",
      );
      const acknowledged = lastNumber();
      await sh(`echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/${disk} /mnt`);
      const numbers = (await sh("cat /mnt/numbers")).split("\n").map(Number);
      expect(numbers).toEqual(Array.from(numbers, (_, at) => at + 1));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
      expect(console.text).not.toMatch(DISK_ERRORS);
      await sh(`umount /mnt && /bin/e2fsck -f -n /dev/${disk} >/dev/null`);
      await sh("iscsiadm -m node --logoutall=all >/dev/null");
      await server.step(({ detail }) => detail.includes("logged out"));
    },
    STEP_MS * 8,
  );

  async function writesUntil(number: number): Promise<void> {
    await console.waitFor(new RegExp(`wrote ${number}\\r`), STEP_MS, /failed \d/);
  }

  function lastNumber(): number {
    return Number([...console.text.matchAll(/wrote (\d+)\r/g)].at(-1)?.[1] ?? 0);
  }
});

/** As scsipub's quick start has it; the key is nobody's here. */
async function createByCurl(server: TestServer, body: string): Promise<CreatedSession> {
  const headers = ["-H", "Authorization: Bearer a-key-of-scsipub", "-H", "Content-Type: application/json"];
  const url = `${server.ready.http}/api/sessions`;
  const { code, stdout } = await runProgram(["curl", "-sf", "-X", "POST", ...headers, "-d", body, url]);
  expect(code).toBe(0);
  return CreatedSessionSchema.parse(JSON.parse(stdout));
}
