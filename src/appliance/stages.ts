/** The steps that a boot goes through, in order, and the steps of the server's own work. */

/**
 * What a Pi passes on its way up; those from "kernel" on are said by the shim itself. "kexec" is passed in that mode
 * alone. "handover" is the end in every mode: the disk belongs to the Pi's own system, or to the computer at its USB port.
 */
export const BOOT_STAGES = [
  "dhcp",
  "tftp",
  "kernel",
  "network",
  "parameters",
  "login",
  "kexec",
  "root",
  "handover",
] as const;

/** What the server does besides booting a Pi; "console" is a line that a Pi says itself. */
export const SERVER_STAGES = ["server", "shim", "image", "session", "console"] as const;

export const STAGE_STATES = ["start", "progress", "ok", "fail"] as const;

export type BootStage = (typeof BOOT_STAGES)[number];
export type Stage = BootStage | (typeof SERVER_STAGES)[number];
export type StageState = (typeof STAGE_STATES)[number];

/** True for the name of a boot stage. */
export function isBootStage(name: string): name is BootStage {
  return (BOOT_STAGES as readonly string[]).includes(name);
}

/** True for the name of a state. */
export function isStageState(name: string): name is StageState {
  return (STAGE_STATES as readonly string[]).includes(name);
}

/** True when `stage` is `until` or lies after it, so that a waiter for `until` is satisfied. */
export function hasReached(stage: BootStage, until: BootStage): boolean {
  return BOOT_STAGES.indexOf(stage) >= BOOT_STAGES.indexOf(until);
}
