/**
 * What the iSCSI writer noted, as a model of its disk: which values a sector may hold after a kill of the server, after a
 * loss of power of its computer, and that nothing else is there.
 */

/** Kinds of commands and of notes, as in iscsi-writer.c. */
export const KIND = { write: 0, writeFua: 1, unmap: 2, sync: 3 } as const;
const KIND_MASK = 15;
const NOTE = { begin: 16, done: 32, refused: 64 } as const;
const WORDS_OF_NOTE = 6;
export const SECTOR_BYTES = 512;
const WORDS_OF_SECTOR = SECTOR_BYTES / 4;

export interface Command {
  readonly kind: number;
  readonly first: number;
  readonly end: number;
  /** What its sectors hold afterwards. */
  readonly fill: number;
  readonly number: number;
  /** Places in the log. */
  readonly sent: number;
  readonly sentStamp: number;
  done: number | undefined;
  doneStamp: number | undefined;
  /** It was answered with an error. */
  refused: boolean;
}

/** Reads a log, in the order of sending. Refused commands count as never answered: they may be there or not. */
export function readWriteLog(bytes: ArrayBuffer): Command[] {
  const words = new Uint32Array(bytes, 0, Math.floor(bytes.byteLength / 4));
  const commands = new Map<number, Command>();
  for (let at = 0; at + WORDS_OF_NOTE <= words.length; at += WORDS_OF_NOTE) {
    const [what = 0, first = 0, count = 0, number = 0, low = 0, high = 0] = words.subarray(
      at,
      at + WORDS_OF_NOTE,
    );
    const stamp = high * 2 ** 32 + low;
    const place = at / WORDS_OF_NOTE;
    if ((what & NOTE.begin) !== 0) {
      const kind = what & KIND_MASK;
      const fill = kind === KIND.unmap ? 0 : number;
      const end = first + count;
      commands.set(number, {
        kind,
        first,
        end,
        fill,
        number,
        sent: place,
        sentStamp: stamp,
        done: undefined,
        doneStamp: undefined,
        refused: false,
      });
      continue;
    }
    const command = commands.get(number);
    if (!command) continue;
    command.refused = (what & NOTE.refused) !== 0;
    if (command.refused) continue;
    command.done = place;
    command.doneStamp = stamp;
  }
  return [...commands.values()].toSorted((a, b) => a.sent - b.sent);
}

/** How many writes, unmaps and flushes were answered well. */
export function answeredIn(commands: readonly Command[]): number {
  return commands.filter(({ done }) => done !== undefined).length;
}

/** The values that each sector may hold; the last one is what a reader is meant to find. */
export type Allowed = (sector: number) => readonly number[];

/** After a kill at `stamp`: what was answered is there; of what was under way, any sector may be there already. */
export function allowedAfterKill(
  before: Uint32Array,
  commands: readonly Command[],
  stamp = Number.POSITIVE_INFINITY,
): Allowed {
  const sent = commands.filter(({ sentStamp }) => sentStamp <= stamp);
  return allowed(before, sent, ({ doneStamp }) => doneStamp !== undefined && doneStamp <= stamp);
}

/**
 * After a loss of power when the stamp file had `stamp` bytes: what was written by FUA, or answered before a flush was
 * sent that was answered, is there or something newer; what was sent later than that cannot be.
 */
export function allowedAfterPowerLoss(
  before: Uint32Array,
  commands: readonly Command[],
  stamp: number,
): Allowed {
  const byThen = (command: Command): boolean => command.doneStamp !== undefined && command.doneStamp <= stamp;
  const lastFlush = commands.findLast((command) => command.kind === KIND.sync && byThen(command))?.sent ?? -1;
  const isDurable = (command: Command): boolean =>
    byThen(command) && (command.kind === KIND.writeFua || (command.done ?? lastFlush) < lastFlush);
  return allowed(
    before,
    commands.filter(({ sentStamp }) => sentStamp <= stamp),
    isDurable,
  );
}

/** @param isFirm tells a command that is there for sure, so that nothing older can be */
function allowed(
  before: Uint32Array,
  commands: readonly Command[],
  isFirm: (command: Command) => boolean,
): Allowed {
  const values = new Map<number, number[]>();
  for (const command of commands) {
    const firm = isFirm(command);
    for (let sector = command.first; sector < command.end; sector += 1) {
      const known = firm ? [] : (values.get(sector) ?? [before[sector] ?? 0]);
      known.push(command.fill);
      values.set(sector, known);
    }
  }
  return (sector) => values.get(sector) ?? [before[sector] ?? 0];
}

export interface Loss {
  readonly sector: number;
  readonly found: number | "torn";
  readonly allowed: readonly number[];
}

/** The sectors of a disk that hold what they may not; at most `max` of them. */
export function lossesIn(disk: Uint8Array, isAllowed: Allowed, max = 5): Loss[] {
  const words = new Uint32Array(disk.buffer, disk.byteOffset, disk.byteLength / 4);
  const losses: Loss[] = [];
  for (let sector = 0; sector < disk.byteLength / SECTOR_BYTES && losses.length < max; sector += 1) {
    const own = words.subarray(sector * WORDS_OF_SECTOR, (sector + 1) * WORDS_OF_SECTOR);
    const [found = 0] = own;
    const may = isAllowed(sector);
    if (own.some((word) => word !== found)) losses.push({ sector, found: "torn", allowed: may });
    else if (!may.includes(found)) losses.push({ sector, found, allowed: may });
  }
  return losses;
}

/** What each sector of a disk holds, for the next round. */
export function tagsOf(disk: Uint8Array): Uint32Array {
  const words = new Uint32Array(disk.buffer, disk.byteOffset, disk.byteLength / 4);
  return Uint32Array.from(
    { length: disk.byteLength / SECTOR_BYTES },
    (_, sector) => words[sector * WORDS_OF_SECTOR] ?? 0,
  );
}
