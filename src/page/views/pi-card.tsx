/** One Pi: what it is, what it boots, how far it is, and what to do when it stops. */
import type { Pi } from "../api.ts";
import { bootOf } from "../../appliance/boot/timeline.ts";
import { agoWords } from "../model/words.ts";
import { Board } from "../parts/board.tsx";
import { Throughput } from "../parts/throughput.tsx";
import { events, now, sessions } from "../state.ts";
import { DiskMenu } from "./disk-menu.tsx";
import { PiChoice } from "./pi-choice.tsx";
import { PiNames } from "./pi-names.tsx";
import { PiTimeline } from "./pi-timeline.tsx";

export function PiCard({ pi }: { pi: Pi }) {
  const own = events.value.filter((event) => event.pi === pi.key);
  const boot = bootOf(own);
  const disks = sessions.value.filter(({ id }) => pi.sessions.includes(id));
  return (
    <article
      class={`card ${boot.failure ? "failed" : boot.done ? "up" : ""}`}
      aria-labelledby={`pi-${pi.key}`}
    >
      <div class="card-head">
        <Board model={pi.model} />
        <div>
          <h3 id={`pi-${pi.key}`}>{pi.label ?? pi.model ?? "Raspberry Pi"}</h3>
          <p class="facts">
            {pi.label !== null && (
              <>
                {pi.model ?? "Raspberry Pi"}
                <br />
              </>
            )}
            {pi.group !== null && <span class="group">{pi.group}</span>}
            <code>{pi.serial ?? pi.mac ?? pi.key}</code>
            {pi.address && <> at {pi.address}</>}
            {pi.assignment === null && (
              <>
                <br />
                Its screen shows <strong class="code">{pi.code}</strong>
              </>
            )}
            <br />
            {agoWords(Date.parse(pi.last_seen), now.value)}
          </p>
        </div>
      </div>
      <PiTimeline boot={boot} events={own} />
      <Throughput ids={pi.sessions} />
      {pi.fenced && (
        <p class="note fail">
          This computer lost power while this Pi used its disk, so the Pi may believe what was never written.
          Switch it off and on.
        </p>
      )}
      <PiNames pi={pi} listens={!boot.done} />
      {disks.map((session) => (
        <DiskMenu key={session.id} session={session} title="Its disk" />
      ))}
      <PiChoice pi={pi} />
    </article>
  );
}
