/** A Pi's boot as it happens: a row of stages, what moves now, and everything that was said so far. */
import { useState } from "preact/hooks";
import type { BootEvent } from "../api.ts";
import type { Boot, Step } from "../../appliance/boot/timeline.ts";
import { secondsWords } from "../model/words.ts";
import { Progress } from "../parts/progress.tsx";

const STAGE_NAMES: Record<Step["stage"], string> = {
  dhcp: "Address",
  tftp: "Files",
  kernel: "Kernel",
  network: "Network",
  parameters: "Choice",
  login: "Disk",
  kexec: "Own kernel",
  root: "Root",
  handover: "System",
};

/** More than a boot has; a Pi that tries for hours has more. */
const STEPS_SHOWN = 200;

const STATE_WORDS: Record<Step["state"], string> = {
  waiting: "not yet",
  "under-way": "under way",
  ok: "done",
  fail: "failed",
  skipped: "not told",
};

export function PiTimeline({ boot, events }: { boot: Boot; events: readonly BootEvent[] }) {
  const last = boot.steps.findLast(({ at }) => at !== undefined);
  const took =
    boot.startedAt !== undefined && last?.at !== undefined ? (last.at - boot.startedAt) / 1000 : undefined;
  const latest = events.at(-1);
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
        <div class="latest">
          {boot.done && took !== undefined ? `Up after ${secondsWords(took)}. ` : ""}
          {latest?.detail ?? "Not heard since the server started."}
          {typeof latest?.fraction === "number" && (
            <Progress label={latest.detail} fraction={latest.fraction} />
          )}
        </div>
      )}
      {boot.startedAt !== undefined && <Steps since={boot.startedAt} events={events} />}
    </>
  );
}

/** Everything of this boot, with the seconds since the Pi was first heard; of a file under way only the latest word. */
function Steps({ since, events }: { since: number; events: readonly BootEvent[] }) {
  const [opened, setOpened] = useState(false);
  const told = events.filter(
    ({ at, fraction }, index) => at >= since && (fraction === null || index === events.length - 1),
  );
  return (
    <details class="menu" onToggle={({ currentTarget }) => setOpened(currentTarget.open)}>
      <summary>Step by step</summary>
      {opened && (
        <ol class="steps" tabIndex={0} aria-label="Steps of this boot">
          {told.slice(-STEPS_SHOWN).map(({ id, at, state, detail, fix }) => (
            <li key={id} class={state}>
              <span class="dim">{((at - since) / 1000).toFixed(1)} s</span>
              <span>
                {detail}
                {fix && <span class="dim"> {fix}</span>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </details>
  );
}
