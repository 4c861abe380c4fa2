/**
 * A record of the kernel's log as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg):
 *
 *   PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];the words
 *    KEY=value            what belongs to the record before
 */
const RECORD = /^\d+,\d+,(\d+),[^;]*;(.*)$/;
const MICROSECONDS = 1_000_000;

/** The record as dmesg shows it; undefined for what belongs to another one, and a line that is no record as it is. */
export function kernelLine(line: string): string | undefined {
  const [, at, words] = RECORD.exec(line) ?? [];
  if (at === undefined) return line.startsWith(" ") ? undefined : line;
  const seconds = (Number(at) / MICROSECONDS).toFixed(6);
  return `[${seconds.padStart(12)}] ${words ?? ""}`;
}
