/** One Pi as text: all that the page's card of it shows. A pure function of what is known. */
import type { z } from "zod";
import { type Boot, bootOf, formatDuration } from "../../appliance/index.ts";
import type { PiSchema, SessionSchema } from "../../web/index.ts";
import { lunText, usedFromText, usedText } from "./session-text.ts";
import { MARKS, painter, type WatchedEvent } from "../watch/screen.ts";

export interface KnownPi {
  readonly pi: z.infer<typeof PiSchema>;
  /** The name of the image that it boots, where it is in the library. */
  readonly image: string | undefined;
  /** Its own. */
  readonly disks: readonly z.infer<typeof SessionSchema>[];
  /** Its own, oldest first. */
  readonly events: readonly WatchedEvent[];
  /** A server runs: without one nobody hears a Pi. */
  readonly isServed: boolean;
}

/** The lines, in colour where it is wanted; `now` in Unix milliseconds. */
export function piLines(
  known: KnownPi,
  { now, colour }: { readonly now: number; readonly colour: boolean },
): string[] {
  const { pi } = known;
  return [
    `Pi ${pi.key}${pi.label === null ? "" : ` (${pi.label})`}`,
    row("model", pi.model ?? "not known"),
    row("serial", pi.serial ?? "not known"),
    row("MAC", pi.mac ?? "not known"),
    row("code", `${pi.code} on its screen`),
    row("group", pi.group ?? "-"),
    row("address", pi.address ?? "-"),
    row("boots", bootsText(known)),
    ...known.disks.map((disk) =>
      row(
        "disk",
        `${disk.id}: ${disk.luns.map(lunText).join(", ")}, ${usedText(disk)} written, ${useText(disk)}`,
      ),
    ),
    row("first seen", `${pi.first_seen.slice(0, 19).replace("T", " ")} UTC`),
    row("last seen", `${formatDuration(Math.max(0, now - Date.parse(pi.last_seen)))} ago`),
    "",
    ...timelineLines(known, painter(colour)),
  ];
}

function row(title: string, value: string): string {
  return `  ${title.padEnd(11)}${value}`;
}

function bootsText({ pi, image }: KnownPi): string {
  const { assignment } = pi;
  if (assignment === null) return `nothing was chosen: pinetboot pi assign ${pi.key} --image IMAGE`;
  const words = [
    `mode ${assignment.mode}`,
    ...(assignment.variant === "ethernet" ? [] : [assignment.variant]),
    assignment.persistent ? "what it writes is kept" : "each boot begins with the image",
    ...(assignment.read_only ? ["read-only"] : []),
  ];
  return `${image ?? assignment.image.slice(0, 12)} (${words.join(", ")})`;
}

function useText(disk: KnownPi["disks"][number]): string {
  const from = usedFromText(disk);
  return from === "-" ? "not in use" : `in use from ${from}`;
}

function timelineLines({ pi, events, isServed }: KnownPi, paint: ReturnType<typeof painter>): string[] {
  if (!isServed) return ["No server runs: how far its boot is, only one that runs knows (pinetboot serve)."];
  const boot = bootOf(events);
  const { startedAt } = boot;
  if (startedAt === undefined) return ["Not heard since the server started."];
  return [
    headText(boot, startedAt),
    ...boot.steps.map(({ stage, state, at, detail }) => {
      const { sign, paint: style } = MARKS[state];
      const time = at === undefined ? "" : `${((at - startedAt) / 1000).toFixed(1)} s`;
      return `  ${paint(style, sign)} ${stage.padEnd(11)}${time.padStart(8)}  ${detail}`.trimEnd();
    }),
    ...(boot.failure
      ? [
          "",
          paint("bad", boot.failure.detail),
          ...(boot.failure.fix === null ? [] : [`  -> ${boot.failure.fix}`]),
        ]
      : []),
    ...(pi.fenced
      ? [
          "",
          paint("bad", "Kept out of its disk since this computer lost power while it used it."),
          "  -> Switch it off and on.",
        ]
      : []),
  ];
}

function headText({ done, failure, steps }: Boot, startedAt: number): string {
  const last = steps.findLast(({ at }) => at !== undefined)?.at ?? startedAt;
  const began = `its boot of ${new Date(startedAt).toTimeString().slice(0, 8)}`;
  if (failure) return `Stopped: ${began}`;
  return done ? `Up after ${((last - startedAt) / 1000).toFixed(1)} s: ${began}` : `Coming up: ${began}`;
}
