import type { Traffic } from "../api.ts";
import { sizeWords } from "../model/words.ts";
import { traffic } from "../state.ts";

const WIDTH = 60;
const HEIGHT = 16;

/** What moves between disks and their initiators, in figures and as a line of the last minute; nothing before the first byte. */
export function Throughput({ ids }: { ids: readonly string[] }) {
  const samples = sumOf(ids.map((id) => traffic.value.get(id) ?? []));
  const last = samples.at(-1);
  if (last === undefined) return null;
  return (
    <span class="throughput">
      <Line samples={samples} />
      <span class="dim">
        reads {sizeWords(last.read)}/s, writes {sizeWords(last.written)}/s
      </span>
    </span>
  );
}

interface Sample {
  readonly read: number;
  readonly written: number;
}

/** Of several disks together: the latest samples stand at the end of each. */
function sumOf(all: readonly (readonly Traffic[])[]): Sample[] {
  const length = Math.max(0, ...all.map((samples) => samples.length));
  return Array.from({ length }, (_, index) => {
    const at = all.map((samples) => samples[samples.length - length + index]);
    return {
      read: at.reduce((sum, sample) => sum + (sample?.read_bytes_per_second ?? 0), 0),
      written: at.reduce((sum, sample) => sum + (sample?.written_bytes_per_second ?? 0), 0),
    };
  });
}

function Line({ samples }: { samples: readonly Sample[] }) {
  const most = Math.max(1, ...samples.map(({ read, written }) => read + written));
  const points = samples
    .map(({ read, written }, index) => {
      const x = WIDTH - (samples.length - 1 - index);
      return `${x},${(HEIGHT - 1 - ((HEIGHT - 2) * (read + written)) / most).toFixed(1)}`;
    })
    .join(" ");
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}
