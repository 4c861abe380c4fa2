/** Disks for any initiator: a new one in one click, and those that are there. */
import { useState } from "preact/hooks";
import { call, type CreatedSession, type Session } from "../api.ts";
import { agoWords, sizeWords } from "../model/words.ts";
import { ActionForm } from "../parts/action-form.tsx";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Table } from "../parts/table.tsx";
import { Throughput } from "../parts/throughput.tsx";
import { useAction } from "../parts/use-action.ts";
import { images, now, sessions } from "../state.ts";
import { DiskMenu } from "./disk-menu.tsx";
import { Credentials } from "./credentials.tsx";

export function DisksView() {
  const [created, setCreated] = useState<CreatedSession>();
  return (
    <>
      <h1>Disks</h1>
      <NewDisk onCreated={setCreated} />
      {created && <Credentials session={created} onClose={() => setCreated(undefined)} />}
      {sessions.value.length === 0 ? (
        <p class="empty">No disk yet. Make one above: any iSCSI initiator can use it at once.</p>
      ) : (
        <Table columns={["Disk", "Image", "Written", "Used by"]} actions>
          {sessions.value.map((session) => (
            <DiskRow key={session.id} session={session} />
          ))}
        </Table>
      )}
    </>
  );
}

function NewDisk({ onCreated }: { onCreated: (session: CreatedSession) => void }) {
  const [image, setImage] = useState("blank");
  const [size, setSize] = useState("1G");
  const action = useAction();
  return (
    <ActionForm
      action={action}
      label="New disk"
      work={async () =>
        onCreated(await call("POST", "/sessions", { image, ...(image === "blank" && { size }) }))
      }
    >
      <label>
        From
        <select value={image} onChange={({ currentTarget }) => setImage(currentTarget.value)}>
          {images.value.map(({ id, name, imported_at }) => (
            <option key={id} value={imported_at === null ? name : id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {image === "blank" && (
        <label>
          Size
          <input
            required
            size={6}
            value={size}
            onInput={({ currentTarget }) => setSize(currentTarget.value)}
          />
        </label>
      )}
    </ActionForm>
  );
}

function DiskRow({ session }: { session: Session }) {
  const action = useAction();
  const size = session.luns.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  return (
    <tr>
      <th scope="row">
        <code>{session.id}</code>
        <br />
        <span class="dim">
          {session.persistent ? "kept" : "until logout"}, made{" "}
          {agoWords(Date.parse(session.created_at), now.value)}
        </span>
      </th>
      <td>{session.luns.map(({ image }) => image).join(", ")}</td>
      <td>
        {sizeWords(session.used_bytes)} <span class="dim">of {sizeWords(session.quota_bytes ?? size)}</span>
      </td>
      <td>
        {session.connected_from.join(", ") || <span class="dim">nobody</span>}
        <Throughput ids={[session.id]} />
      </td>
      <td class="end">
        {session.fenced && (
          <button
            type="button"
            disabled={action.busy}
            onClick={() => action.run(() => call("POST", `/sessions/${session.id}/unfence`))}
          >
            Let in again
          </button>
        )}
        {session.connected_from.length > 0 && (
          <ConfirmButton
            label="Disconnect"
            question="Log it out?"
            disabled={action.busy}
            onConfirm={() => action.run(() => call("POST", `/sessions/${session.id}/disconnect`))}
          />
        )}
        <ConfirmButton
          label="Delete"
          question="Delete what was written?"
          disabled={action.busy}
          onConfirm={() => action.run(() => call("DELETE", `/sessions/${session.id}`))}
        />
        <DiskMenu session={session} />
        <ProblemNote error={action.error} />
      </td>
    </tr>
  );
}
