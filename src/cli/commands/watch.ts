/** `pinetboot watch` */
import { buildCommand } from "@stricli/core";
import { EventSchema } from "../../web/index.ts";
import { type Api, read, withServer } from "../backend.ts";
import { type CommonFlags, commonFlags } from "../flags.ts";
import { readEvents } from "../sse.ts";
import { eventLine, type Known, painter, type WatchedEvent, watchScreen } from "../watch/screen.ts";

/** As many as the server keeps. */
const EVENTS_MAX = 4096;
/** Fast enough to look live, slow enough that a burst of files is one picture. */
const REDRAW_MS = 150;
/** Space and addresses change without an event. */
const REFRESH_MS = 2_000;

const ALTERNATE_SCREEN = { on: "\u001b[?1049h\u001b[?25l", off: "\u001b[?25h\u001b[?1049l" };
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const CTRL_C = "\u0003";

export const watchCommand = buildCommand({
  docs: {
    brief: "Watch the Pis come up, live",
    fullDescription:
      "A picture of every Pi, its boot and the disks in use, until q is pressed. Where the output is no terminal, and with\n" +
      "--json, each event is one line.\n\nExample:\n  pinetboot watch",
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
  for await (const event of readEvents(await api.client.events.$get({ query: {} }), EventSchema))
    console.log(json ? JSON.stringify(event) : eventLine(event, plain));
}

async function drawLive(api: Api): Promise<void> {
  const abort = new AbortController();
  const events: WatchedEvent[] = [];
  let known = { ...(await lists(api)), events };
  let drawn = 0;
  const draw = (): void => {
    const { columns, rows } = process.stdout;
    const terminal = { columns, rows, colour: !process.env["NO_COLOR"], now: Date.now() };
    const lines = watchScreen(known, terminal);
    process.stdout.write(HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW);
    drawn = Date.now();
  };
  let redraw: ReturnType<typeof setTimeout> | undefined;
  const drawSoon = (): void => {
    redraw ??= setTimeout(
      () => {
        redraw = undefined;
        draw();
      },
      Math.max(0, drawn + REDRAW_MS - Date.now()),
    );
  };
  const refresh = async (): Promise<void> => {
    known = { ...(await lists(api)), events };
    drawSoon();
  };
  const onKey = (bytes: Buffer): void => {
    if (["q", CTRL_C].includes(bytes.toString())) abort.abort();
  };
  const timer = setInterval(() => void refresh().catch(() => abort.abort()), REFRESH_MS);
  process.stdin.setRawMode?.(true);
  process.stdin.on("data", onKey);
  process.stdout.on("resize", draw);
  process.stdout.write(ALTERNATE_SCREEN.on);
  try {
    draw();
    const response = await api.client.events.$get(
      { query: { after: 0 } },
      { init: { signal: abort.signal } },
    );
    for await (const event of readEvents(response, EventSchema)) {
      events.push(event);
      if (events.length > EVENTS_MAX) events.shift();
      if (event.state !== "progress") await refresh();
      else drawSoon();
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    clearInterval(timer);
    clearTimeout(redraw);
    process.stdout.off("resize", draw);
    process.stdin.off("data", onKey);
    process.stdin.setRawMode?.(false);
    process.stdin.pause();
    process.stdout.write(ALTERNATE_SCREEN.off);
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
