/**
 * Overlays measured side by side with plain files and QEMU's tools: `bun bench/disk/run.ts [part] [folder]`
 * (Debian: qemu-utils). Prints Markdown. Parts: sessions, convert, random, beside; all of them when none is named.
 */
import { benchBeside } from "./beside.ts";
import { benchConvert } from "./convert.ts";
import { benchRandom } from "./random.ts";
import { benchSessions } from "./sessions.ts";
import { workFolder } from "./support.ts";

const PARTS = { sessions: benchSessions, convert: benchConvert, random: benchRandom, beside: benchBeside };

const [wanted = "", parent] = Bun.argv.slice(2);
for (const [name, bench] of Object.entries(PARTS)) {
  if (!name.includes(wanted)) continue;
  const folder = workFolder(parent);
  try {
    await bench(folder.path);
  } finally {
    folder.remove();
  }
}
