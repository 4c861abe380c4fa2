/** `/api/events` and `/api/pis/{key}/console`: server-sent events with replay. */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApplianceEvent, ConsoleLine, LiveNews } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { type EventStreams, type Frame, lastSeen } from "../event-stream.ts";
import { PiKey } from "../pi-assignment.ts";
import { problems } from "../problem.ts";
import { trafficView } from "../views.ts";

const Query = z.object({
  after: z.coerce
    .number()
    .int()
    .nonnegative()
    .optional()
    .openapi({
      description:
        "Replay what is kept after this id; 0 for all. Last-Event-ID does the same. When something after it is not kept " +
        "any more, an event named reload comes first, then all that is kept: fetch again what was known.",
    }),
});
const stream = { description: "The stream", content: { "text/event-stream": { schema: z.string() } } };

const events = createRoute({
  method: "get",
  path: "/events",
  summary:
    "What happens, as server-sent events; the data is an Event. Named events besides: traffic, console, reload",
  request: { query: Query },
  responses: { 200: stream, ...problems(503) },
});

const console = createRoute({
  method: "get",
  path: "/pis/{key}/console",
  summary: "What a Pi says on its console, as server-sent events; the data is {id, at, text}, one line each",
  request: { params: PiKey, query: Query },
  responses: { 200: stream, ...problems(503) },
});

export function eventRoutes({ appliance }: ApiContext, streams: EventStreams) {
  const { events: log, feed, consoles, pis } = appliance;
  return newRouter()
    .openapi(events, (c) => {
      const after = lastSeen(c, c.req.valid("query").after);
      return streams.answer(c, {
        replay: () => {
          if (after === undefined) return [];
          return after > 0 && log.hasLost(after)
            ? [reloadFrame(after), ...log.since().map(eventFrame)]
            : log.since(after).map(eventFrame);
        },
        listen: (write) => [
          log.listen((event) => write(eventFrame(event))),
          feed.listen((news) => write(newsFrame(news))),
        ],
      });
    })
    .openapi(console, (c) => {
      // It may not have been seen yet: whoever waits for it listens before it is switched on.
      const key = pis.keyOf(c.req.valid("param").key);
      const after = lastSeen(c, c.req.valid("query").after);
      return streams.answer(c, {
        replay: () => {
          if (after === undefined) return [];
          return after > 0 && consoles.hasLost(key, after)
            ? [reloadFrame(after), ...consoles.since(key).map(lineFrame)]
            : consoles.since(key, after).map(lineFrame);
        },
        listen: (write) => [
          feed.listen((news) => {
            if (news.kind === "console" && news.pi === key) write(lineFrame(news));
          }),
        ],
      });
    });
}

const eventFrame = (event: ApplianceEvent): Frame => ({ id: event.id, data: event });

/** Without an id, as all that is no event of its own. */
const reloadFrame = (after: number): Frame => ({ event: "reload", data: { after } });

const lineFrame = ({ id, at, text }: ConsoleLine): Frame => ({ id, data: { id, at, text } });

/** Named, so that a browser tells it from an event; without an id, so that nobody asks for a replay from it. */
function newsFrame(news: LiveNews): Frame {
  if (news.kind === "console") {
    const { kind, ...data } = news;
    return { event: kind, data };
  }
  const sessions = news.sessions.map(({ id, ...traffic }) => ({ id, ...trafficView(traffic) }));
  return { event: news.kind, data: { at: news.at, sessions } };
}
