/** What `pinetboot watch` shows, as lines of text: a pure function of what is known and of the terminal's size. */
import type { z } from "zod";
import { type Boot, bootOf, formatDuration, formatSize, type Step } from "../../appliance/index.ts";
import { cutText, wrapText } from "../cut-text.ts";
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

/**
 * Pis first: they are what people wait for. Then who uses which disk, and with what room is left the latest events. Where
 * the Pis do not fit, each has one line, those heard last first, and how many are left over is said.
 */
export function watchScreen(known: Known, terminal: Terminal): string[] {
  const paint = painter(terminal.colour);
  const head = headLines(known, terminal, paint);
  const disks = diskLines(known, paint);
  const cards = known.pis.flatMap((pi) => ["", ...piLines(pi, known, terminal, paint)]);
  const roomForPis = terminal.rows - head.length - disks.length;
  const pis = cards.length <= roomForPis ? cards : ["", ...shortLines(known, roomForPis - 1, paint)];
  const lines = [...head, ...pis, ...disks];
  const room = terminal.rows - lines.length - 2;
  if (room > 0 && known.events.length > 0)
    lines.push("", ...known.events.slice(-room).map((event) => eventLine(event, paint)));
  return lines.slice(0, terminal.rows).map((line) => cutText(line, terminal.columns));
}

/** One event as one line; also what `watch` prints where there is no terminal. */
export function eventLine(event: WatchedEvent, paint: (style: Paint, text: string) => string): string {
  const time = new Date(event.at).toTimeString().slice(0, 8);
  const words = `${event.stage} ${event.state}: ${withFix(event.detail, event.fix)}`;
  return `${paint("dim", time)} ${event.pi ?? "server"} ${event.state === "fail" ? paint("bad", words) : words}`;
}

/** What went wrong, and what to do, as sentences. */
function withFix(detail: string, fix: string | null): string {
  if (fix === null) return detail;
  return `${/[.?!]$/.test(detail) ? detail : `${detail}.`} ${fix}`;
}

/** Wraps text in a colour's codes, or leaves it as it is. */
export function painter(colour: boolean): (style: Paint, text: string) => string {
  return (style, text) => (colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
}

function headLines(
  { health, pis, isGone }: Known,
  { columns }: Terminal,
  paint: ReturnType<typeof painter>,
): string[] {
  const shim = health.shim;
  const eta = shim.eta_seconds === null ? "" : `, ${formatDuration(shim.eta_seconds * 1000)} left`;
  const said = (style: Paint, text: string): string[] =>
    wrapText(text, columns).map((line) => paint(style, line));
  return [
    paint("bold", `pinetboot ${health.version}`) + paint("dim", "   q ends this, not the server"),
    ...(isGone ? said("bad", "The server went away. This goes on when it is back: pinetboot serve") : []),
    ...(shim.state === "building" ? said("busy", `Boot shim: ${shim.step ?? "being built"}${eta}`) : []),
    ...(shim.state === "missing" ? said("bad", "No boot shim: Pis cannot boot") : []),
    ...health.problems.flatMap(({ message, fix }) => said("bad", withFix(message, fix))),
    ...(pis.length === 0
      ? ["", ...wrapText("No Pi has asked yet. Switch one on: it appears here by itself.", columns)]
      : []),
  ];
}

function piLines(
  pi: Known["pis"][number],
  { events, images }: Known,
  { now, columns }: Terminal,
  paint: ReturnType<typeof painter>,
): string[] {
  const own = events.filter((event) => event.pi === pi.key);
  const boot = bootOf(own);
  const image = images.find(({ id }) => id === pi.assignment?.image)?.name;
  const seen = formatDuration(Math.max(1000, now - Date.parse(pi.last_seen)));
  const { style, text } = latestWords(pi, boot, own.at(-1));
  return [
    `${paint("bold", pi.key)} ${pi.label ?? pi.model ?? "Raspberry Pi"}  ${image ?? paint("busy", "no image chosen")}  ${paint("dim", `${pi.address ?? "no address"}, ${seen} ago`)}`,
    `  ${stepsLine(boot, columns - 2, paint)}`,
    ...wrapText(text, columns - 2).map((line) => `  ${style === undefined ? line : paint(style, line)}`),
  ];
}

/** Each stage by its sign and name; where that is too wide, the signs alone and the name of the one it is at. */
function stepsLine({ steps }: Boot, columns: number, paint: ReturnType<typeof painter>): string {
  const named = steps.map(({ stage, state }) => `${MARKS[state].sign} ${stage}`);
  if (named.join("  ").length <= columns)
    return steps.map(({ state }, index) => paint(MARKS[state].paint, named[index] ?? "")).join("  ");
  return signsOf(steps, paint);
}

function signsOf(steps: Boot["steps"], paint: ReturnType<typeof painter>): string {
  const signs = steps.map(({ state }) => paint(MARKS[state].paint, MARKS[state].sign)).join("");
  return `${signs} ${steps.findLast(({ at }) => at !== undefined)?.stage ?? ""}`.trimEnd();
}

/** A line for each Pi, as many as there is room for, and what is left over. */
function shortLines({ pis, events }: Known, room: number, paint: ReturnType<typeof painter>): string[] {
  const heardLast = pis.toSorted((one, other) => other.last_seen.localeCompare(one.last_seen));
  const shown = pis.length <= room ? heardLast : heardLast.slice(0, Math.max(0, room - 1));
  const lines = shown.map((pi) => {
    const own = events.filter((event) => event.pi === pi.key);
    const boot = bootOf(own);
    const { style, text } = latestWords(pi, boot, own.at(-1));
    const name = pi.label === null ? "" : ` ${pi.label}`;
    return `${paint("bold", pi.key)}${name}  ${signsOf(boot.steps, paint)}  ${style === undefined ? text : paint(style, text)}`;
  });
  const left = pis.length - shown.length;
  return left === 0 ? lines : [...lines, paint("dim", `and ${left} more: pinetboot pi list`)];
}

function latestWords(
  pi: Known["pis"][number],
  boot: Boot,
  latest: WatchedEvent | undefined,
): { readonly style?: Paint; readonly text: string } {
  if (boot.failure) return { style: "bad", text: withFix(boot.failure.detail, boot.failure.fix) };
  if (pi.assignment === null) return { style: "busy", text: `pinetboot pi assign ${pi.key} --image IMAGE` };
  return latest ? { text: latest.detail } : { style: "dim", text: "not heard since the server started" };
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
