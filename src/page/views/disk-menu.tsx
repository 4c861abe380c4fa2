/** What can be done with a disk's content: keep a state, go back to one, begin again, make an image of it. */
import { useState } from "preact/hooks";
import { call, type Session } from "../api.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { DownloadLinks } from "../parts/download-links.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";

export function DiskMenu({ session, title = "More" }: { session: Session; title?: string }) {
  const [name, setName] = useState("");
  const action = useAction();
  const path = `/sessions/${session.id}`;
  const inUse = session.connected_from.length > 0;
  const send = (verb: string, body: object = {}): void =>
    action.run(async () => {
      await call("POST", `${path}/${verb}`, body);
      setName("");
    });
  const named = name === "" ? {} : { name };
  return (
    <details class="menu">
      <summary>{title}</summary>
      <label>
        Name
        <input
          value={name}
          size={16}
          placeholder="chosen for you"
          onInput={({ currentTarget }) => setName(currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button
          type="button"
          class="quiet"
          disabled={action.busy}
          onClick={() => send("snapshots", { ...named, ...(inUse && { live: true }) })}
        >
          Snapshot
        </button>
        <button
          type="button"
          class="quiet"
          disabled={action.busy || inUse}
          onClick={() => send("commit", named)}
        >
          Make an image
        </button>
        <ConfirmButton
          label="Begin again"
          question="Throw away what was written?"
          disabled={action.busy || inUse}
          onConfirm={() => send("reset")}
        />
      </div>
      {session.snapshots.length > 0 && (
        <ul class="plain" aria-label="Snapshots">
          {session.snapshots.map((snapshot) => (
            <li key={snapshot} class="buttons">
              <span>{snapshot}</span>
              <ConfirmButton
                label="Go back"
                question="Lose what came after?"
                disabled={action.busy || inUse}
                onConfirm={() => send("restore", { snapshot })}
              />
              <ConfirmButton
                label="Remove"
                question="Remove the snapshot?"
                disabled={action.busy}
                onConfirm={() =>
                  action.run(() => call("DELETE", `${path}/snapshots/${encodeURIComponent(snapshot)}`))
                }
              />
            </li>
          ))}
        </ul>
      )}
      {inUse ? (
        <p class="dim">Log the initiator out to go back, begin again, make an image or download the disk.</p>
      ) : (
        <DownloadLinks path={path} />
      )}
      <ProblemNote error={action.error} />
    </details>
  );
}
