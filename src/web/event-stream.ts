/** Server-sent events: a bounded stream that replays, goes on live, and ends with its listener. */
import type { Context } from "hono";
import { problem } from "./problem.ts";

/** Each listener holds a socket and what it has not read yet. */
const LISTENERS_MAX = 256;
/** A listener that is this many frames behind does not read any more. */
const UNREAD_MAX = 2 * 4096;
/** Bun ends a connection on a Unix socket that is silent for 10 s; proxies have their limits, too. */
const HEARTBEAT_MS = 4_000;

const NOTHING = (): void => undefined;

export interface Frame {
  /** What a browser sends as Last-Event-ID when it comes back. */
  readonly id?: number;
  /** A browser gives frames of a name to the listeners of that name alone. */
  readonly event?: string;
  readonly data: unknown;
}

export interface StreamSource {
  /** What is told first. */
  readonly replay: () => readonly Frame[];
  /** Gives every frame from now on to `write`, until one of the returned functions is called each. */
  readonly listen: (write: (frame: Frame) => void) => readonly (() => void)[];
}

/** The streams of one API. */
export class EventStreams {
  #listeners = 0;

  /** Answers with the stream, or with a problem when too many listen already. */
  answer(c: Context, { replay, listen }: StreamSource): Response {
    if (this.#listeners >= LISTENERS_MAX)
      return problem(c, 503, {
        code: "in-use",
        title: "Too many listeners",
        detail: `${LISTENERS_MAX} programs listen already`,
        fix: "Close some.",
      });
    let end = NOTHING;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const encoder = new TextEncoder();
          const write = (text: string): void => {
            if ((controller.desiredSize ?? 0) < -UNREAD_MAX) return end();
            controller.enqueue(encoder.encode(text));
          };
          const heartbeat = setInterval(() => write(": still here\n\n"), HEARTBEAT_MS);
          const stops = listen((frame) => write(textOf(frame)));
          this.#listeners += 1;
          end = () => {
            end = NOTHING;
            this.#listeners -= 1;
            clearInterval(heartbeat);
            for (const stop of stops) stop();
            controller.close();
          };
          write("retry: 1000\n\n");
          for (const frame of replay()) write(textOf(frame));
        },
        cancel: () => end(),
      },
      { highWaterMark: 0 },
    );
    c.req.raw.signal.addEventListener("abort", () => end(), { once: true });
    return c.body(body, 200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  }
}

/** What a listener saw last: a browser that comes back says it in a header, others in the address. */
export function lastSeen(c: Context, after: number | undefined): number | undefined {
  const last = c.req.header("last-event-id");
  return last !== undefined && /^\d{1,16}$/.test(last) ? Number(last) : after;
}

function textOf({ id, event, data }: Frame): string {
  return [
    ...(event === undefined ? [] : [`event: ${event}\n`]),
    ...(id === undefined ? [] : [`id: ${id}\n`]),
    `data: ${JSON.stringify(data)}\n\n`,
  ].join("");
}
