/** `/api/events`: server-sent events with replay. */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApplianceEvent, LiveNews } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { problem, problems } from "../problem.ts";
import { trafficView } from "../views.ts";

/** Each listener holds a socket and what it has not read yet. */
const LISTENERS_MAX = 256;
/** A listener that is this many events behind does not read any more. */
const UNREAD_MAX = 2 * 4096;
/** Bun ends a connection on a Unix socket that is silent for 10 s; proxies have their limits, too. */
const HEARTBEAT_MS = 4_000;

const NOTHING = (): void => undefined;

const stream = createRoute({
  method: "get",
  path: "/events",
  summary:
    "What happens, as server-sent events; the data is an Event. Named events besides: traffic, console",
  request: {
    query: z.object({
      after: z.coerce.number().int().nonnegative().optional().openapi({
        description: "Replay what is kept after this id; 0 for all. Last-Event-ID does the same.",
      }),
    }),
  },
  responses: {
    200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
    ...problems(503),
  },
});

export function eventRoutes({ appliance: { events, feed } }: ApiContext) {
  let listeners = 0;
  return newRouter().openapi(stream, (c) => {
    if (listeners >= LISTENERS_MAX)
      return problem(c, 503, {
        code: "in-use",
        title: "Too many listeners",
        detail: `${LISTENERS_MAX} programs listen already`,
        fix: "Close some.",
      });
    const last = c.req.header("last-event-id");
    const after = last !== undefined && /^\d{1,16}$/.test(last) ? Number(last) : c.req.valid("query").after;
    let end = NOTHING;
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const encoder = new TextEncoder();
          const write = (text: string): void => {
            if ((controller.desiredSize ?? 0) < -UNREAD_MAX) return end();
            controller.enqueue(encoder.encode(text));
          };
          const heartbeat = setInterval(() => write(": still here\n\n"), HEARTBEAT_MS);
          const silence = [
            events.listen((event) => write(frame(event))),
            feed.listen((news) => write(newsFrame(news))),
          ];
          listeners += 1;
          end = () => {
            end = NOTHING;
            listeners -= 1;
            clearInterval(heartbeat);
            for (const stop of silence) stop();
            controller.close();
          };
          write("retry: 1000\n\n");
          for (const event of after === undefined ? [] : events.since(after)) write(frame(event));
        },
        cancel: () => end(),
      },
      { highWaterMark: 0 },
    );
    c.req.raw.signal.addEventListener("abort", () => end(), { once: true });
    return c.body(body, 200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  });
}

/** Named, so that a browser tells it from an event; without an id, so that nobody asks for a replay from it. */
function newsFrame(news: LiveNews): string {
  return `event: ${news.kind}\ndata: ${JSON.stringify(newsView(news))}\n\n`;
}

function newsView(news: LiveNews): object {
  if (news.kind === "console") return { at: news.at, pi: news.pi, text: news.text };
  return {
    at: news.at,
    sessions: news.sessions.map(({ id, ...traffic }) => ({ id, ...trafficView(traffic) })),
  };
}

function frame(event: ApplianceEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
