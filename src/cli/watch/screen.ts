/** What `pinetboot watch` shows, as lines of text: a pure function of what is known and of the terminal's size. */
import type { z } from "zod";
import { type Boot, bootOf, formatDuration, formatSize, type Step } from "../../appliance/index.ts";
import { cutText } from "../cut-text.ts";
import type { EventSchema, HealthSchema, ImageSchema, PiSchema, SessionSchema } from "../../web/index.ts";

export type WatchedEvent = z.infer<typeof EventSchema>;

export interface Known {
  readonly pis: readonly z.infer<typeof PiSchema>[];
  readonly sessions: readonly z.infer<typeof SessionSchema>[];
  readonly images: readonly z.infer<typeof ImageSchema>[];
  readonly health: z.infer<typeof HealthSchema>;
  /** Oldest first. */
  readonly events: readonly WatchedEvent[];
  /** The server went away: all else is as it was last heard. */
  readonly isGone?: boolean;
}

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Unix milliseconds. */
  readonly now: number;
}

type Paint = "bold" | "dim" | "good" | "bad" | "busy";

const CODES: Record<Paint, string> = { bold: "1", dim: "2", good: "32", bad: "31", busy: "33" };

export const MARKS: Record<Step["state"], { readonly sign: string; readonly paint: Paint }> = {
  waiting: { sign: "·", paint: "dim" },
  "under-way": { sign: "▸", paint: "busy" },
  ok: { sign: "✓", paint: "good" },
  fail: { sign: "✗", paint: "bad" },
  skipped: { sign: "-", paint: "dim" },
};

/** Pis first: they are what people wait for. Then who uses which disk, and with what room is left the latest events. */
export function watchScreen(known: Known, terminal: Terminal): string[] {
  const paint = painter(terminal.colour);
  const lines = [
    ...headLines(known, paint),
    ...known.pis.flatMap((pi) => ["", ...piLines(pi, known, terminal, paint)]),
    ...diskLines(known, paint),
  ];
  const room = terminal.rows - lines.length - 2;
  if (room > 0 && known.events.length > 0)
    lines.push("", ...known.events.slice(-room).map((event) => eventLine(event, paint)));
  return lines.slice(0, terminal.rows).map((line) => cutText(line, terminal.columns));
}

/** One event as one line; also what `watch` prints where there is no terminal. */
export function eventLine(event: WatchedEvent, paint: (style: Paint, text: string) => string): string {
  const time = new Date(event.at).toTimeString().slice(0, 8);
  const fix = event.fix === null ? "" : ` ${event.fix}`;
  const words = `${event.stage} ${event.state}: ${event.detail}${fix}`;
  return `${paint("dim", time)} ${event.pi ?? "server"} ${event.state === "fail" ? paint("bad", words) : words}`;
}

/** Wraps text in a colour's codes, or leaves it as it is. */
export function painter(colour: boolean): (style: Paint, text: string) => string {
  return (style, text) => (colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
}

function headLines({ health, pis, isGone }: Known, paint: ReturnType<typeof painter>): string[] {
  const shim = health.shim;
  const eta = shim.eta_seconds === null ? "" : `, ${formatDuration(shim.eta_seconds * 1000)} left`;
  return [
    paint("bold", `pinetboot ${health.version}`) + paint("dim", "   q ends this, not the server"),
    ...(isGone ? [paint("bad", "The server went away. This goes on when it is back: pinetboot serve")] : []),
    ...(shim.state === "building" ? [paint("busy", `Boot shim: ${shim.step ?? "being built"}${eta}`)] : []),
    ...(shim.state === "missing" ? [paint("bad", "No boot shim: Pis cannot boot")] : []),
    ...health.problems.map(({ message, fix }) => paint("bad", `${message} ${fix ?? ""}`.trimEnd())),
    ...(pis.length === 0 ? ["", "No Pi has asked yet. Switch one on: it appears here by itself."] : []),
  ];
}

function piLines(
  pi: Known["pis"][number],
  { events, images }: Known,
  { now }: Terminal,
  paint: ReturnType<typeof painter>,
): string[] {
  const own = events.filter((event) => event.pi === pi.key);
  const boot = bootOf(own);
  const image = images.find(({ id }) => id === pi.assignment?.image)?.name;
  const seen = formatDuration(Math.max(1000, now - Date.parse(pi.last_seen)));
  const steps = boot.steps.map(({ stage, state }) =>
    paint(MARKS[state].paint, `${MARKS[state].sign} ${stage}`),
  );
  return [
    `${paint("bold", pi.key)} ${pi.model ?? "Raspberry Pi"}  ${image ?? paint("busy", "no image chosen")}  ${paint("dim", `${pi.address ?? "no address"}, ${seen} ago`)}`,
    `  ${steps.join("  ")}`,
    `  ${latestWords(pi, boot, own.at(-1), paint)}`,
  ];
}

function latestWords(
  pi: Known["pis"][number],
  boot: Boot,
  latest: WatchedEvent | undefined,
  paint: ReturnType<typeof painter>,
): string {
  if (boot.failure) return paint("bad", `${boot.failure.detail} ${boot.failure.fix ?? ""}`.trimEnd());
  if (pi.assignment === null) return paint("busy", `pinetboot pi assign ${pi.key} --image IMAGE`);
  return latest?.detail ?? paint("dim", "not heard since the server started");
}

function diskLines({ sessions }: Known, paint: ReturnType<typeof painter>): string[] {
  const used = sessions.filter(({ connected_from }) => connected_from.length > 0);
  if (used.length === 0) return [];
  return [
    "",
    paint("dim", "DISKS IN USE"),
    ...used.map(
      ({ id, luns, connected_from, used_bytes }) =>
        `${id}  ${luns.map(({ image }) => image).join(", ")}  ${formatSize(used_bytes)} written  ${connected_from.join(", ")}`,
    ),
  ];
}
