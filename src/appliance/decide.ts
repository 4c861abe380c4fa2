/**
 * The only place that decides what a Raspberry Pi gets. Pure: everything that it knows comes in as `BootFacts`.
 *
 *                    adopt off, unknown -------> ignore
 *   DHCP asks  --+   no shim yet --------------> ignore (said as an event, and the Pi asks again)
 *   TFTP asks  --+-> disk live elsewhere ------> shim, then hold
 *   shim asks  --+   nobody has chosen --------> shim, then ask
 *                    image gone ---------------> shim, then refuse (words on the Pi's screen)
 *                    chosen, or the default ---> shim, then boot
 */
import type { Assignment, BootMode, PiRecord } from "./pis/record.ts";
import type { ShimVariant } from "../shim/index.ts";
import { BLANK } from "./sessions/record.ts";

export const ADOPT_POLICIES = ["ask", "default", "off"] as const;
export type AdoptPolicy = (typeof ADOPT_POLICIES)[number];

export type ShimState = "ready" | "building" | "missing";

export interface BootPolicy {
  readonly adopt: AdoptPolicy;
  /** Id of the image of `--image`, or of the only image in the library; null when there is none. */
  readonly defaultImage: string | null;
  readonly mode: BootMode;
  readonly variant: ShimVariant;
}

export interface BootFacts {
  /** The record, or undefined for a machine that was not recorded (there are too many unknown ones). */
  readonly pi: Pick<PiRecord, "key" | "assignment"> | undefined;
  readonly policy: BootPolicy;
  /** "running" when it is the shim itself that asks: ours, another server's, or one on an SD card. */
  readonly shim: ShimState | "running";
  /** An address that uses this Pi's disk at this moment and is not the one that asks; null when there is none. */
  readonly liveElsewhere: string | null;
  readonly hasImage: (id: string) => boolean;
}

/** What a Pi gets. All but "ignore" are answered by DHCP and see the shim's files over TFTP. */
export type BootPlan =
  | { readonly kind: "boot"; readonly assignment: Assignment }
  | { readonly kind: "ask"; readonly message: string; readonly fix: string }
  | { readonly kind: "hold"; readonly message: string; readonly fix: string }
  | { readonly kind: "refuse"; readonly message: string; readonly fix: string }
  | { readonly kind: "ignore"; readonly reason: string; readonly fix: string };

/** Decides what this Pi gets at this moment. */
export function decide(facts: BootFacts): BootPlan {
  const { pi, policy, shim } = facts;
  if (!pi)
    return {
      kind: "ignore",
      reason: "Too many Pis wait for a choice; no more are taken on",
      fix: "Forget those that are not yours: pinetboot pi list, pinetboot pi forget KEY",
    };
  const assignment = pi.assignment ?? defaultAssignment(policy);
  if (policy.adopt === "off" && !pi.assignment)
    return {
      kind: "ignore",
      reason: "An unknown Pi, and --adopt off ignores those",
      fix: `pinetboot pi assign ${pi.key} --image IMAGE`,
    };
  if (shim === "building" || shim === "missing") return withoutShim(shim);
  if (facts.liveElsewhere !== null)
    return {
      kind: "hold",
      message: `The disk of this Pi is in use from ${facts.liveElsewhere}`,
      fix: "Shut that machine down, or wait until its connection has ended; this Pi goes on by itself then.",
    };
  if (!assignment)
    return {
      kind: "ask",
      message: "Nobody has chosen an image for this Pi yet",
      fix: `pinetboot pi assign ${pi.key} --image IMAGE`,
    };
  if (assignment.image === BLANK || !facts.hasImage(assignment.image))
    return {
      kind: "refuse",
      message: `Its image ${assignment.image} is not in the library`,
      fix: `pinetboot pi assign ${pi.key} --image IMAGE`,
    };
  return { kind: "boot", assignment };
}

/** What `--adopt default` gives to a Pi that nobody chose anything for. Blank boots nothing: it is never the default. */
function defaultAssignment({ adopt, defaultImage, mode, variant }: BootPolicy): Assignment | null {
  if (adopt !== "default" || defaultImage === null || defaultImage === BLANK) return null;
  return { image: defaultImage, mode, variant, persistent: true, readOnly: false };
}

function withoutShim(shim: "building" | "missing"): BootPlan {
  return shim === "building"
    ? {
        kind: "ignore",
        reason: "The boot shim is still being built; this Pi is answered as soon as it is there",
        fix: "Wait: a Pi asks again by itself (a Pi 3 that has given up wants its power off and on).",
      }
    : {
        kind: "ignore",
        reason: "There is no boot shim to give to this Pi",
        fix: "pinetboot shim build",
      };
}
