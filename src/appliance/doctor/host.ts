/** The computer itself: its clock, its room, its power. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatSize } from "../sizes.ts";
import { type HostSpace, spaceLevel } from "../storage/host-space.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** No copy of this program is older: a clock before it is wrong. Pis take their time from us. */
const CLOCK_NOT_BEFORE = Date.UTC(2026, 0, 1);
const POWER_SUPPLIES = "/sys/class/power_supply";

/** `now` in Unix milliseconds. */
export function checkClock(now: number): Finding {
  const words = new Date(now).toISOString().slice(0, 16).replace("T", " ");
  if (now >= CLOCK_NOT_BEFORE) return ok("clock", `The clock says ${words} UTC`);
  return problem(
    "clock",
    `The clock says ${words} UTC, which is past; Pis take their time from it, and certificates fail on them`,
    "Set it: sudo timedatectl set-time 'YYYY-MM-DD HH:MM'",
  );
}

export function checkSpace(folder: string, space: HostSpace): Finding {
  const words = `${formatSize(space.freeBytes)} of ${formatSize(space.sizeBytes)} are free where ${folder} lies`;
  const level = spaceLevel(space, "enough");
  if (level === "enough") return ok("space", words);
  const fix = "pinetboot image df shows what takes room; pinetboot image gc gives back what nobody needs.";
  return (level === "very low" ? problem : warning)("space", words, fix);
}

/** Undefined when it cannot be told: a computer without a battery has nothing to say. */
export function readOnBattery(folder = POWER_SUPPLIES): boolean | undefined {
  const read = (name: string, file: string): string => {
    try {
      return readFileSync(join(folder, name, file), "utf8").trim();
    } catch {
      return "";
    }
  };
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    return undefined;
  }
  const statuses = names
    .filter((name) => read(name, "type") === "Battery")
    .map((name) => read(name, "status"));
  return statuses.length === 0 ? undefined : statuses.includes("Discharging");
}

export function checkPower(onBattery: boolean | undefined): Finding[] {
  if (onBattery !== true) return [];
  return [
    warning(
      "power",
      "This computer runs on its battery: when it sleeps, every Pi's disk stands still",
      "Plug it in, and keep it awake: systemd-inhibit --what=sleep:idle:handle-lid-switch pinetboot serve",
    ),
  ];
}
