/** What a Pi is called and which group it is in, and signs of life that one can ask it for. */
import { useState } from "preact/hooks";
import { call, type Pi } from "../api.ts";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";

export function PiNames({ pi, listens }: { pi: Pi; listens: boolean }) {
  const [label, setLabel] = useState<string>();
  const [group, setGroup] = useState<string>();
  const [said, setSaid] = useState("");
  const action = useAction();
  const path = `/pis/${encodeURIComponent(pi.key)}`;
  const ask = (order: "blink" | "reboot"): void =>
    action.run(async () => setSaid((await call<{ detail: string }>("POST", `${path}/${order}`)).detail));
  return (
    <details class="menu">
      <summary>Name, group, LED</summary>
      <form
        class="buttons"
        onSubmit={(event) => {
          event.preventDefault();
          action.run(async () => {
            await call("PATCH", path, {
              label: (label ?? pi.label ?? "") || null,
              group: (group ?? pi.group ?? "") || null,
            });
            setSaid("Saved.");
          });
        }}
      >
        <label>
          Name
          <input
            size={12}
            value={label ?? pi.label ?? ""}
            onInput={({ currentTarget }) => setLabel(currentTarget.value)}
          />
        </label>
        <label>
          Group
          <input
            size={12}
            value={group ?? pi.group ?? ""}
            onInput={({ currentTarget }) => setGroup(currentTarget.value)}
          />
        </label>
        <button type="submit" class="quiet" disabled={action.busy}>
          Save
        </button>
      </form>
      {listens && (
        <div class="buttons">
          <button type="button" class="quiet" disabled={action.busy} onClick={() => ask("blink")}>
            Blink its LED
          </button>
          <button type="button" class="quiet" disabled={action.busy} onClick={() => ask("reboot")}>
            Restart it
          </button>
        </div>
      )}
      {said !== "" && (
        <p class="dim" role="status">
          {said}
        </p>
      )}
      <ProblemNote error={action.error} />
    </details>
  );
}
