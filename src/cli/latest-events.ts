/** The events that a server still keeps. */
import { EventSchema } from "../web/index.ts";
import type { Api } from "./backend.ts";
import { readEvents } from "./sse.ts";
import type { WatchedEvent } from "./watch/screen.ts";

/** The replay comes at once; a silence of this length is its end. */
const REPLAY_SILENCE_MS = 300;

/** Oldest first, up to the one with the id `until` where it is given. None without a server: they live in its memory. */
export async function latestEvents(api: Api, until?: number): Promise<readonly WatchedEvent[]> {
  if (api.at === "folder") return [];
  const events: WatchedEvent[] = [];
  const abort = new AbortController();
  const end = (): void => abort.abort();
  let silence = setTimeout(end, REPLAY_SILENCE_MS);
  try {
    const response = await api.client.events.$get(
      { query: { after: 0 } },
      { init: { signal: abort.signal } },
    );
    for await (const event of readEvents(response, EventSchema)) {
      events.push(event);
      if (until !== undefined && event.id >= until) break;
      clearTimeout(silence);
      silence = setTimeout(end, REPLAY_SILENCE_MS);
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
  return events;
}
