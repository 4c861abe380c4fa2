/** What the page knows of the server, kept true by the event stream. */
import { batch, signal } from "@preact/signals";
import {
  type BootEvent,
  call,
  type Health,
  type Image,
  type Import,
  type Job,
  type Pi,
  type Session,
  type Storage,
  type Traffic,
} from "./api.ts";

export const pis = signal<readonly Pi[]>([]);
export const sessions = signal<readonly Session[]>([]);
export const images = signal<readonly Image[]>([]);
export const imports = signal<readonly Import[]>([]);
export const jobs = signal<readonly Job[]>([]);
export const storage = signal<Storage | undefined>(undefined);
export const health = signal<Health | undefined>(undefined);
/** Oldest first. */
export const events = signal<readonly BootEvent[]>([]);
/** "lost" once the stream broke, until it is there again. */
export const stream = signal<"connecting" | "live" | "lost">("connecting");
/** What each disk's initiators did in the last minute, by the session's id: one sample a second while something moves. */
export const traffic = signal<ReadonlyMap<string, readonly Traffic[]>>(new Map());
/** The page's clock, so that "3 s ago" stays true. */
export const now = signal(Date.now());

/** As many as the server keeps. */
const EVENTS_MAX = 4096;
/** Events come in bursts (one a file); the lists are fetched once for a burst. */
const REFRESH_AFTER_MS = 100;
/** Throughput and space change without an event. */
const REFRESH_EVERY_MS = 5_000;
const TICK_MS = 1_000;
/** A minute of them. */
const TRAFFIC_SAMPLES = 60;

let refreshTimer: ReturnType<typeof setTimeout> | undefined;

/** Fetches every list; what cannot be fetched stays as it was. */
export async function refresh(): Promise<void> {
  const [newPis, newSessions, newImages, newImports, newJobs, newStorage, newHealth] = await Promise.all([
    call<Pi[]>("GET", "/pis"),
    call<Session[]>("GET", "/sessions"),
    call<Image[]>("GET", "/images"),
    call<Import[]>("GET", "/imports"),
    call<Job[]>("GET", "/jobs"),
    call<Storage>("GET", "/storage"),
    call<Health>("GET", "/health"),
  ]);
  batch(() => {
    pis.value = newPis;
    sessions.value = newSessions;
    images.value = newImages;
    imports.value = newImports;
    jobs.value = newJobs;
    storage.value = newStorage;
    health.value = newHealth;
  });
}

function refreshSoon(): void {
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    refresh().catch(() => (stream.value = "lost"));
  }, REFRESH_AFTER_MS);
}

/** Follows the server from now on. The browser connects again by itself and says which event it saw last. */
export function follow(): void {
  const source = new EventSource("/api/events?after=0");
  source.addEventListener("open", () => {
    stream.value = "live";
    refreshSoon();
  });
  source.addEventListener("error", () => (stream.value = "lost"));
  source.addEventListener("message", ({ data }: MessageEvent<string>) => {
    // As with every answer: written by a server of the same build.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const event = JSON.parse(data) as BootEvent;
    const last = events.value.at(-1);
    // A stream that had to be opened anew replays what is here already.
    if (last && event.id <= last.id) return;
    events.value = [...events.value.slice(1 - EVENTS_MAX), event];
    refreshSoon();
  });
  source.addEventListener("traffic", ({ data }: MessageEvent<string>) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const news = JSON.parse(data) as { sessions: readonly (Traffic & { id: string })[] };
    const samples = new Map(traffic.value);
    for (const { id, ...sample } of news.sessions)
      samples.set(id, [...(samples.get(id) ?? []), sample].slice(-TRAFFIC_SAMPLES));
    traffic.value = samples;
  });
  setInterval(() => (now.value = Date.now()), TICK_MS);
  setInterval(refreshSoon, REFRESH_EVERY_MS);
}
