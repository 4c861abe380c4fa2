/** What a Pi boots: the image, how, and what it should be like. */
import { useState } from "preact/hooks";
import { call, type Image, type Pi } from "../api.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { How, howBody, type HowChoice } from "../parts/how.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";
import { images } from "../state.ts";
import { Customise, customiseBody, type Wishes } from "./customise.tsx";

export function PiChoice({ pi }: { pi: Pi }) {
  const bootable = images.value.filter(({ imported_at }) => imported_at !== null);
  const assigned = bootable.find(({ id }) => id === pi.assignment?.image);
  const [image, setImage] = useState<string>();
  const [persistent, setPersistent] = useState(pi.assignment?.persistent ?? true);
  const [how, setHow] = useState<HowChoice>({});
  const [wishes, setWishes] = useState<Wishes>({});
  const action = useAction();
  const chosen = image ?? assigned?.id ?? bootable[0]?.id;
  const path = `/pis/${encodeURIComponent(pi.key)}`;
  if (bootable.length === 0)
    return (
      <p class="note">
        There is no image to boot from yet. <a href="#/images">Add one.</a>
      </p>
    );
  return (
    <form
      class="choice"
      onSubmit={(event) => {
        event.preventDefault();
        action.run(async () => {
          const customise = customiseBody(wishes);
          await call("PUT", `${path}/assignment`, {
            image: chosen,
            persistent,
            ...howBody(how, pi.assignment),
            ...(customise && { customise }),
          });
          setWishes({});
        });
      }}
    >
      <label>
        Image
        <select value={chosen} onChange={({ currentTarget }) => setImage(currentTarget.value)}>
          {bootable.map(({ id, name }: Image) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={persistent}
          onChange={({ currentTarget }) => setPersistent(currentTarget.checked)}
        />
        Keep what it writes
      </label>
      <details class="menu">
        <summary>How it boots</summary>
        <How choice={how} assigned={pi.assignment} onChange={setHow} />
      </details>
      <Customise wishes={wishes} onChange={setWishes} />
      <div class="buttons">
        <button type="submit" disabled={action.busy}>
          {pi.assignment ? "Change" : "Boot this"}
        </button>
        <ConfirmButton
          label="Forget"
          question="Forget it and its disk?"
          disabled={action.busy}
          onConfirm={() => action.run(() => call("DELETE", path))}
        />
      </div>
      <ProblemNote error={action.error} />
    </form>
  );
}
