/** What an image came from, and the way to have it as a file. */
import { useState } from "preact/hooks";
import { call, type History, type Image } from "../api.ts";
import { DownloadLinks } from "../parts/download-links.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";

export function ImageMenu({ image }: { image: Image }) {
  const [history, setHistory] = useState<History>([]);
  const action = useAction();
  const path = `/images/${image.id}`;
  return (
    <details
      class="menu"
      onToggle={({ currentTarget }) => {
        // An image never changes, but what it came from can be removed or get another name.
        if (currentTarget.open) action.run(async () => setHistory(await call("GET", `${path}/history`)));
      }}
    >
      <summary>More</summary>
      <ol class="plain" aria-label="What it came from">
        {history.map(({ image: id, name, in_library, made_at, by }) => (
          <li key={id}>
            <strong>{name ?? id.slice(0, 12)}</strong>, {by}
            {made_at !== null && ` on ${new Date(made_at).toLocaleDateString()}`}
            {!in_library && <span class="dim"> (not in the library any more)</span>}
          </li>
        ))}
      </ol>
      <DownloadLinks path={path} />
      <ProblemNote error={action.error} />
    </details>
  );
}
