/** One Pi: what it is, what it boots, how far it is, and what to do when it stops. */
import { useState } from "preact/hooks";
import { type BootEvent, call, type Image, type Pi } from "../api.ts";
import { type Boot, bootOf, type Step } from "../../appliance/boot/timeline.ts";
import { agoWords, secondsWords } from "../model/words.ts";
import { Board } from "../parts/board.tsx";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";
import { events, images, now } from "../state.ts";
import { Customise, customiseBody, type Wishes } from "./customise.tsx";

const STAGE_NAMES: Record<Step["stage"], string> = {
  dhcp: "Address",
  tftp: "Files",
  kernel: "Kernel",
  network: "Network",
  parameters: "Choice",
  login: "Disk",
  root: "Root",
  handover: "System",
};

const STATE_WORDS: Record<Step["state"], string> = {
  waiting: "not yet",
  "under-way": "under way",
  ok: "done",
  fail: "failed",
};

export function PiCard({ pi }: { pi: Pi }) {
  const own = events.value.filter((event) => event.pi === pi.key);
  const boot = bootOf(own);
  return (
    <article
      class={`card ${boot.failure ? "failed" : boot.done ? "up" : ""}`}
      aria-labelledby={`pi-${pi.key}`}
    >
      <div class="card-head">
        <Board model={pi.model} />
        <div>
          <h3 id={`pi-${pi.key}`}>{pi.model ?? "Raspberry Pi"}</h3>
          <p class="facts">
            <code>{pi.serial ?? pi.mac ?? pi.key}</code>
            {pi.address && <> at {pi.address}</>}
            <br />
            {agoWords(Date.parse(pi.last_seen), now.value)}
          </p>
        </div>
      </div>
      <Timeline boot={boot} latest={own.at(-1)} />
      {pi.fenced && (
        <p class="note fail">
          This computer lost power while this Pi used its disk, so the Pi may believe what was never written.
          Switch it off and on.
        </p>
      )}
      <Choice pi={pi} />
    </article>
  );
}

function Timeline({ boot, latest }: { boot: Boot; latest: BootEvent | undefined }) {
  const last = boot.steps.findLast(({ at }) => at !== undefined);
  const took =
    boot.startedAt !== undefined && last?.at !== undefined ? (last.at - boot.startedAt) / 1000 : undefined;
  return (
    <>
      <ol class="timeline">
        {boot.steps.map(({ stage, state }) => (
          <li key={stage} class={state}>
            <span class="dot" aria-hidden="true" />
            {STAGE_NAMES[stage]}
            <span class="sr"> {STATE_WORDS[state]}</span>
          </li>
        ))}
      </ol>
      {boot.failure ? (
        <p class="note fail" role="alert">
          <strong>{boot.failure.detail}</strong>
          {boot.failure.fix && <span> {boot.failure.fix}</span>}
        </p>
      ) : (
        <p class="latest">
          {boot.done && took !== undefined ? `Up after ${secondsWords(took)}. ` : ""}
          {latest?.detail ?? "Not heard since the server started."}
        </p>
      )}
    </>
  );
}

function Choice({ pi }: { pi: Pi }) {
  const bootable = images.value.filter(({ imported_at }) => imported_at !== null);
  const assigned = bootable.find(({ id }) => id === pi.assignment?.image);
  const [image, setImage] = useState<string>();
  const [persistent, setPersistent] = useState(pi.assignment?.persistent ?? true);
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
      <Customise wishes={wishes} onChange={setWishes} />
      <div class="buttons">
        <button type="submit" disabled={action.busy}>
          {pi.assignment ? "Change" : "Boot this"}
        </button>
        {pi.sessions.length > 0 && (
          <ConfirmButton
            label="Begin again"
            question="Throw away what it wrote?"
            disabled={action.busy}
            onConfirm={() =>
              action.run(() => Promise.all(pi.sessions.map((id) => call("POST", `/sessions/${id}/reset`))))
            }
          />
        )}
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
