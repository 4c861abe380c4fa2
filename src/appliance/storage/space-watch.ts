/** Watches the room on the host's disk while serving and tells before it is gone: a full disk refuses everyone's writes. */
import { wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { formatSize } from "../sizes.ts";
import { type HostSpace, hostSpace, isAtLeast, type SpaceLevel, spaceLevel } from "./host-space.ts";

/** A fast disk takes a few GiB in this time, which is less than the last warning leaves. */
const LOOK_EVERY_MS = 1_000;

export interface SpaceWatchOptions {
  readonly folder: string;
  readonly events: EventLog;
  readonly look?: (folder: string) => Promise<HostSpace>;
  readonly everyMs?: number;
}

/** Begins to look; returns how to stop. */
export function watchSpace({
  folder,
  events,
  look = hostSpace,
  everyMs = LOOK_EVERY_MS,
}: SpaceWatchOptions): () => void {
  let level: SpaceLevel = "enough";
  let looking = false;
  let failed = false;
  const once = async (): Promise<void> => {
    // A disk that hangs is asked once, not once a second.
    if (looking) return;
    looking = true;
    try {
      const space = await look(folder);
      const now = spaceLevel(space, level);
      if (now !== level) tell(events, now, level, space);
      level = now;
      failed = false;
    } catch (error) {
      if (!failed)
        events.emit({
          stage: "server",
          state: "fail",
          detail: `How much room there is for the data folder cannot be told: ${wordsOf(error)}`,
        });
      failed = true;
    } finally {
      looking = false;
    }
  };
  void once();
  const timer = setInterval(() => void once(), everyMs);
  return () => clearInterval(timer);
}

function tell(
  events: EventLog,
  now: SpaceLevel,
  before: SpaceLevel,
  { freeBytes, sizeBytes }: HostSpace,
): void {
  const room = `${formatSize(freeBytes)} of ${formatSize(sizeBytes)}`;
  if (isAtLeast(before, now))
    events.emit({
      stage: "server",
      state: "ok",
      detail: `There is more room for the data folder again: ${room}`,
    });
  else
    events.emit({
      stage: "server",
      state: "fail",
      detail: `The room for the data folder is ${now}: ${room} are free. When it is used up, writes are refused`,
      fix: "pinetboot image df shows what takes it, pinetboot image gc frees what nobody needs; fstrim -av in the guests gives back theirs.",
    });
}
