/** The computer itself: its clock, its room, its power. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatSize } from "../sizes.ts";
import { type HostSpace, spaceLevel } from "../storage/host-space.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** No copy of this program is older: a clock before it is wrong. Pis take their time from us. */
const CLOCK_NOT_BEFORE = Date.UTC(2026, 0, 1);
/** Desktops put a laptop to sleep at some 5 %. */
const LOW_PERCENT = 15;
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

export interface Battery {
  readonly discharging: boolean;
  /** How full it is, 0 to 100; undefined when it does not say. */
  readonly percent: number | undefined;
}

/** Undefined when it cannot be told: a computer without a battery has nothing to say. */
export function readBattery(folder = POWER_SUPPLIES): Battery | undefined {
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
  // A mouse or a phone beside it has a battery, too: its scope is "Device".
  const own = names.filter((name) => read(name, "type") === "Battery" && read(name, "scope") !== "Device");
  if (own.length === 0) return undefined;
  const levels = own
    .map((name) => read(name, "capacity"))
    .flatMap((text) => (text === "" ? [] : [Number(text)]));
  return {
    discharging: own.some((name) => read(name, "status") === "Discharging"),
    percent: levels.length === 0 ? undefined : Math.max(...levels),
  };
}

/** Of a laptop without its cable: it goes to sleep when nobody types, when its lid closes, and for want of power. */
export function checkPower(battery: Battery | undefined): Finding[] {
  if (battery?.discharging !== true) return [];
  const { percent } = battery;
  const left = percent === undefined ? "" : `; ${percent} % are left`;
  const isLow = percent !== undefined && percent <= LOW_PERCENT;
  return [
    (isLow ? problem : warning)(
      "power",
      `This computer runs on its battery${left}: when it sleeps, every Pi's disk stands still`,
      "Plug it in, and keep it awake: systemd-inhibit --what=sleep:idle:handle-lid-switch pinetboot serve",
    ),
  ];
}
