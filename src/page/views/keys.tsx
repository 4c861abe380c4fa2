/** Who may use the page and the API over the network: keys of programs and of browsers, and a link for one more browser. */
import { useState } from "preact/hooks";
import { call, type Key } from "../api.ts";
import { agoWords } from "../model/words.ts";
import { ActionForm } from "../parts/action-form.tsx";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { CopyField } from "../parts/copy-field.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Table } from "../parts/table.tsx";
import { type Action, useAction } from "../parts/use-action.ts";
import { usePolled } from "../parts/use-polled.ts";
import { health, now } from "../state.ts";

/** What was made and is shown this once. */
interface Made {
  readonly title: string;
  readonly words: string;
  readonly label: string;
  readonly value: string;
}

export function KeysView() {
  const [made, setMade] = useState<Made>();
  const { value: keys, again } = usePolled(() => call<readonly Key[]>("GET", "/keys"));
  return (
    <>
      <h1>Keys</h1>
      <WhoMayComeIn />
      <NewKey onMade={setMade} again={again} />
      {made && <Shown made={made} onClose={() => setMade(undefined)} />}
      {keys &&
        (keys.length === 0 ? (
          <p class="empty">No keys yet.</p>
        ) : (
          <Table columns={["Key of", "Made", "Used"]} actions>
            {keys.map((key) => (
              <KeyRow key={key.id} record={key} again={again} />
            ))}
          </Table>
        ))}
    </>
  );
}

const LOOPBACK = /^https?:\/\/(?:127\.|localhost|\[::1\])/;

function isLocalOnly(): boolean {
  return LOOPBACK.test(health.value?.page ?? location.origin);
}

function WhoMayComeIn() {
  return (
    <p class="note">
      {isLocalOnly()
        ? "Only this computer reaches this page, so no key is needed. To let others in, start the server with --http 0.0.0.0:8080: then each browser wants a link and each program a key."
        : "This page is open to the network: each browser wants a link, each program a key in the header Authorization: Bearer KEY."}
    </p>
  );
}

function NewKey({ onMade, again }: { onMade: (made: Made) => void; again: () => Promise<void> }) {
  const [name, setName] = useState("");
  const action = useAction();
  const link = useAction();
  return (
    <>
      <ActionForm
        action={action}
        label="New key"
        work={async () => {
          const { key } = await call<Key & { key: string }>("POST", "/keys", { name });
          onMade({
            title: `The key of ${name}`,
            words: "It is shown this once. Nobody can read it later; a new one is one click away.",
            label: "Key",
            value: key,
          });
          setName("");
          await again();
        }}
      >
        <label>
          For which program
          <input
            required
            maxLength={64}
            value={name}
            placeholder="rack-3"
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        </label>
        {!isLocalOnly() && <LinkButton action={link} onMade={onMade} />}
      </ActionForm>
      <ProblemNote error={link.error} />
    </>
  );
}

function LinkButton({ action, onMade }: { action: Action; onMade: (made: Made) => void }) {
  return (
    <button
      type="button"
      class="quiet after"
      disabled={action.busy}
      onClick={() =>
        action.run(async () => {
          const { path } = await call<{ path: string }>("POST", "/keys/link");
          onMade({
            title: "A link for one more browser",
            words: "It opens the page once, within a quarter of an hour.",
            label: "Link",
            value: `${health.value?.page ?? location.origin}${path}`,
          });
        })
      }
    >
      Link for a browser
    </button>
  );
}

function Shown({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <section class="panel credentials" aria-labelledby="made">
      <h2 id="made">{made.title}</h2>
      <p>{made.words}</p>
      <CopyField label={made.label} value={made.value} />
      <button type="button" onClick={onClose}>
        I have it
      </button>
    </section>
  );
}

function KeyRow({ record, again }: { record: Key; again: () => Promise<void> }) {
  const action = useAction();
  const { id, name, created_at, used_at } = record;
  return (
    <tr>
      <th scope="row">
        {name}
        <br />
        <code class="dim">{id}</code>
      </th>
      <td class="dim">{agoWords(Date.parse(created_at), now.value)}</td>
      <td class="dim">{used_at === null ? "never" : agoWords(Date.parse(used_at), now.value)}</td>
      <td class="end">
        <ConfirmButton
          label="Take back"
          question={`Keep ${name} out from now on?`}
          disabled={action.busy}
          onConfirm={() =>
            action.run(async () => {
              await call("DELETE", `/keys/${id}`);
              await again();
            })
          }
        />
        <ProblemNote error={action.error} />
      </td>
    </tr>
  );
}
