/** iPXE scripts, and iPXE and OVMF of a newer Debian than this machine may be. */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../../src/shim/cache.ts";
import { AptRoot } from "../../../src/shim/debian/apt-root.ts";
import type { CreatedSession } from "../../support/pinetboot.ts";
import { portOf } from "./disk.ts";
import { HOST_FROM_INSIDE } from "./machine.ts";

const SUITE = "trixie";
const PACKAGES = ["ipxe", "ovmf"] as const;

export interface UefiFirmware {
  /** For QEMU's two flash drives; the second has to be copied. */
  readonly code: string;
  readonly variables: string;
  readonly ipxe: string;
}

/** Downloads what the cache does not have. */
export async function uefiFirmware(): Promise<UefiFirmware> {
  const root = await AptRoot.open(SUITE, { cacheDir: cacheFolder(), arch: "amd64" });
  const versions = await Promise.all(PACKAGES.map((name) => root.newest(name)));
  const name = versions.join("-").replaceAll(/[^\w.-]/g, "_");
  const folder = join(cacheFolder(), "test", "uefi", name);
  const firmware = {
    code: join(folder, "usr/share/OVMF/OVMF_CODE_4M.fd"),
    variables: join(folder, "usr/share/OVMF/OVMF_VARS_4M.fd"),
    ipxe: join(folder, "usr/lib/ipxe/ipxe-amd64.efi"),
  };
  if (await Bun.file(firmware.ipxe).exists()) return firmware;
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(join(folder, "..", "making-"));
  for (const { path } of await root.download(PACKAGES)) await root.unpack(path, work);
  await rm(folder, { recursive: true, force: true });
  await rename(work, folder);
  return firmware;
}

export interface MutualLogin {
  readonly port: number;
  readonly target: string;
  readonly user: string;
  readonly secret: string;
  readonly targetUser: string;
  readonly targetSecret: string;
}

/**
 * A script that tries a wrong secret; hooks each LUN of the session as drive 80h, 81h and so on; tries another target,
 * which has to prove itself too, with a wrong secret for that and with the right one; and boots from the first drive.
 * Each step says "[ipxe] step: yes" or "[ipxe] step: no".
 */
export function ipxeScript(session: CreatedSession, mutual: MutualLogin, network = ""): string {
  const { luns, chap_user: user, chap_secret: secret } = session;
  const lun = (number: number): string => hook(number, portOf(session), session.iqn, number);
  // After the others: iPXE of 2019 counts a drive that was hooked once for ever, and finds no later one. And not told
  // to the system to be booted: its table has room for two.
  const proved = hook(luns.length, mutual.port, mutual.target, 0, "--no-describe ");
  return [
    "#!ipxe",
    "echo [ipxe] ${version} ${platform}",
    network,
    "set initiator-iqn iqn.2026-01.test:ipxe",
    ...login(user, "not-the-secret-at-all"),
    told("hooked with a wrong secret", lun(0)),
    ...login(user, secret),
    ...luns.map(({ lun: number }) => told(`hooked LUN ${number}`, lun(number))),
    ...login(mutual.user, mutual.secret),
    `set reverse-username ${mutual.targetUser}`,
    "set reverse-password not-the-secret-at-all",
    told("hooked a target with another secret", proved),
    `set reverse-password ${mutual.targetSecret}`,
    told("hooked a target that proved itself", proved),
    `sanunhook --drive ${driveNumber(luns.length)}`,
    "clear reverse-username",
    "clear reverse-password",
    // What it logs in with again, when the server was away.
    ...login(user, secret),
    "sanboot --drive 0x80",
    "echo [ipxe] did not boot",
    "poweroff",
    "",
  ].join("\n");
}

function login(user: string, secret: string): string[] {
  return [`set username ${user}`, `set password ${secret}`];
}

function hook(drive: number, port: number | string, target: string, lun: number, flag = ""): string {
  const uri = `iscsi:${HOST_FROM_INSIDE}:6:${port}:${lun.toString(16)}:${target}`;
  return `sanhook ${flag}--drive ${driveNumber(drive)} ${uri}`;
}

function driveNumber(drive: number): string {
  return `0x${(0x80 + drive).toString(16)}`;
}

function told(step: string, command: string): string {
  return `${command} && echo [ipxe] ${step}: yes || echo [ipxe] ${step}: no`;
}
