/** `pinetboot watch` */
import { setTimeout as sleep } from "node:timers/promises";
import { buildCommand } from "@stricli/core";
import { ApplianceError } from "../../appliance/index.ts";
import { EventSchema } from "../../web/index.ts";
import { type Api, read, withServer } from "../backend.ts";
import { type CommonFlags, commonFlags } from "../flags.ts";
import { inColour } from "../output.ts";
import { readEvents } from "../sse.ts";
import { ReaderGone, writeOut } from "../standard-output.ts";
import { serverGone } from "../transport.ts";
import { eventLine, type Known, painter, type WatchedEvent, watchScreen } from "../watch/screen.ts";

/** As many as the server keeps. */
const EVENTS_MAX = 4096;
/** Fast enough to look live, slow enough that a burst of files is one picture. */
const REDRAW_MS = 150;
/** Space and addresses change without an event. */
const REFRESH_MS = 2_000;
/** How soon a server that went away is asked for again. */
const RETRY_MS = 500;

const ALTERNATE_SCREEN = { on: "\u001b[?1049h\u001b[?25l", off: "\u001b[?25h\u001b[?1049l" };
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const CTRL_C = "\u0003";
/** However it is ended, the terminal is given back as it was. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export const watchCommand = buildCommand({
  docs: {
    brief: "Watch the Pis come up, live",
    fullDescription:
      "A picture of every Pi, its boot and the disks in use, until q is pressed; when the server goes away it goes on as soon\n" +
      "as there is one again. Where the output is no terminal, and with --json, each event is one line (JSON lines), and it\n" +
      "ends with the server.\n\nExample:\n  pinetboot watch",
  },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    await withServer(flags, (api) =>
      process.stdout.isTTY && !flags.json ? drawLive(api) : printEvents(api, flags.json),
    );
  },
});

async function printEvents(api: Api, json: boolean): Promise<void> {
  const plain = painter(false);
  const response = await api.client.events.$get({ query: {} });
  let ended: unknown;
  try {
    for await (const event of readEvents(response, EventSchema))
      await writeOut(`${json ? JSON.stringify(event) : eventLine(event, plain)}\n`);
  } catch (error) {
    if (error instanceof ReaderGone) throw error;
    ended = error;
  }
  throw serverGone(ended);
}

async function drawLive(api: Api): Promise<void> {
  const quit = new AbortController();
  const picture = new Picture({ ...(await lists(api)), events: [] });
  const end = (): void => quit.abort();
  const onKey = (bytes: Buffer): void => {
    if (["q", CTRL_C].includes(bytes.toString())) end();
  };
  for (const signal of ENDING) process.on(signal, end);
  process.stdin.setRawMode?.(true);
  process.stdin.on("data", onKey);
  process.stdout.on("resize", picture.draw);
  process.stdout.write(ALTERNATE_SCREEN.on);
  try {
    picture.draw();
    while (!quit.signal.aborted) {
      await follow(api, picture, quit.signal);
      await sleep(RETRY_MS, undefined, { signal: quit.signal }).catch(() => undefined);
    }
  } finally {
    picture.end();
    process.stdout.off("resize", picture.draw);
    process.stdin.off("data", onKey);
    process.stdin.setRawMode?.(false);
    process.stdin.pause();
    for (const signal of ENDING) process.off(signal, end);
    process.stdout.write(ALTERNATE_SCREEN.off);
  }
}

/** Draws what happens until the server goes away, which is drawn too. Throws what the server refuses. */
async function follow(api: Api, picture: Picture, quit: AbortSignal): Promise<void> {
  const lost = new AbortController();
  const signal = AbortSignal.any([quit, lost.signal]);
  const events: WatchedEvent[] = [];
  const refresh = async (): Promise<void> => picture.show({ ...(await lists(api)), events });
  // A network that is cut says nothing: what asks again and again finds out.
  const timer = setInterval(() => void refresh().catch(() => lost.abort()), REFRESH_MS);
  try {
    // One that was started anew counts its events from the beginning.
    const response = await api.client.events.$get({ query: { after: 0 } }, { init: { signal } });
    await refresh();
    for await (const event of readEvents(response, EventSchema)) {
      events.push(event);
      if (events.length > EVENTS_MAX) events.shift();
      if (event.state !== "progress") await refresh();
      else picture.drawSoon();
    }
  } catch (error) {
    const isRefusal =
      error instanceof ApplianceError && !["unreachable", "not-serving", "internal"].includes(error.code);
    if (isRefusal && !signal.aborted) throw error;
  } finally {
    clearInterval(timer);
    lost.abort();
  }
  if (!quit.aborted) picture.showGone();
}

/** The terminal, redrawn no more often than a person can see. */
class Picture {
  #known: Known;
  #drawnAt = 0;
  #redraw: ReturnType<typeof setTimeout> | undefined;

  constructor(known: Known) {
    this.#known = known;
  }

  readonly draw = (): void => {
    const { columns, rows } = process.stdout;
    const terminal = { columns, rows, colour: inColour(), now: Date.now() };
    const lines = watchScreen(this.#known, terminal);
    process.stdout.write(HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW);
    this.#drawnAt = Date.now();
  };

  drawSoon(): void {
    this.#redraw ??= setTimeout(
      () => {
        this.#redraw = undefined;
        this.draw();
      },
      Math.max(0, this.#drawnAt + REDRAW_MS - Date.now()),
    );
  }

  show(known: Known): void {
    this.#known = known;
    this.drawSoon();
  }

  /** All stays as it was last heard, and is said to. */
  showGone(): void {
    this.show({ ...this.#known, isGone: true });
  }

  end(): void {
    clearTimeout(this.#redraw);
  }
}

async function lists(api: Api): Promise<Omit<Known, "events">> {
  const [pis, sessions, images, health] = await Promise.all([
    read(api.client.pis.$get({ query: {} })),
    read(api.client.sessions.$get({ query: {} })),
    read(api.client.images.$get({ query: {} })),
    read(api.client.health.$get()),
  ]);
  return { pis, sessions, images, health };
}
