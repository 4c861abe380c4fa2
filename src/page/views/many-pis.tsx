/** The same for several Pis: a group, or all of them. */
import { useState } from "preact/hooks";
import { call, type Pi } from "../api.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";
import { images, pis } from "../state.ts";

interface Result {
  readonly pi: string;
  readonly done: boolean;
  readonly detail: string;
  readonly fix: string | null;
}

const ALL = "";

export function ManyPis() {
  const [group, setGroup] = useState(ALL);
  const [image, setImage] = useState<string>();
  const [results, setResults] = useState<readonly Result[]>([]);
  const action = useAction();
  const groups = [...new Set(pis.value.flatMap((pi) => pi.group ?? []))].toSorted((a, b) =>
    a.localeCompare(b),
  );
  const bootable = images.value.filter(({ imported_at }) => imported_at !== null);
  const chosen = image ?? bootable[0]?.id;
  const count = pis.value.filter((pi) => group === ALL || pi.group === group).length;
  const send = (body: object): void =>
    action.run(async () => {
      const which = group === ALL ? { all: true } : { group };
      const answer = await call<{ results: Result[] }>("POST", "/pis/actions", { ...which, ...body });
      setResults(answer.results);
    });
  return (
    <details class="panel">
      <summary>Many at once</summary>
      <div class="many">
        <label>
          Which
          <select value={group} onChange={({ currentTarget }) => setGroup(currentTarget.value)}>
            <option value={ALL}>all Pis</option>
            {groups.map((name) => (
              <option key={name} value={name}>
                group {name}
              </option>
            ))}
          </select>
        </label>
        {bootable.length > 0 && (
          <>
            <label>
              Image for many
              <select value={chosen} onChange={({ currentTarget }) => setImage(currentTarget.value)}>
                {bootable.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <button
              type="button"
              disabled={action.busy}
              onClick={() => send({ action: "assign", assign: { image: chosen } })}
            >
              Boot it on {count}
            </button>
          </>
        )}
        <button type="button" class="quiet" disabled={action.busy} onClick={() => send({ action: "blink" })}>
          Blink
        </button>
        <button type="button" class="quiet" disabled={action.busy} onClick={() => send({ action: "reboot" })}>
          Restart
        </button>
        <ConfirmButton
          label="Begin again"
          question={`Throw away what ${count} wrote?`}
          disabled={action.busy}
          onConfirm={() => send({ action: "reset" })}
        />
        <ConfirmButton
          label="Forget"
          question={`Forget ${count} and their disks?`}
          disabled={action.busy}
          onConfirm={() => send({ action: "forget" })}
        />
      </div>
      {results.length > 0 && (
        <ul class="plain" role="status">
          {results.map((result) => (
            <li key={result.pi}>
              <strong>{nameOf(result.pi)}</strong>: {result.detail}
              {result.fix !== null && <span class="dim"> {result.fix}</span>}
            </li>
          ))}
        </ul>
      )}
      <ProblemNote error={action.error} />
    </details>
  );
}

function nameOf(key: string): string {
  const pi: Pi | undefined = pis.value.find((one) => one.key === key);
  return pi?.label ?? key;
}
