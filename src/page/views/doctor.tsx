/** What is wrong, and what the server saw. */
import { useState } from "preact/hooks";
import { call, type Finding } from "../api.ts";
import { agoWords } from "../model/words.ts";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Table } from "../parts/table.tsx";
import { useAction } from "../parts/use-action.ts";
import { events, now } from "../state.ts";
import { NetworkParts } from "./network.tsx";

const SHOWN = 50;

export function DoctorView() {
  const latest = events.value.slice(-SHOWN).toReversed();
  return (
    <>
      <h1>Doctor</h1>
      <Examination />
      <NetworkParts />
      <h2>What happened</h2>
      <Table columns={["When", "Who", "What"]}>
        {latest.map((event) => (
          <tr key={event.id} class={event.state}>
            <td class="dim">{agoWords(event.at, now.value)}</td>
            <td>
              <code>{event.pi ?? "server"}</code>
            </td>
            <td>
              {event.detail}
              {event.fix && <span class="dim"> {event.fix}</span>}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

const LEVEL_WORDS: Record<Finding["level"], string> = { ok: "Well", warning: "Mind", problem: "Problem" };

/** Looks when asked: other DHCP servers are asked on the wire, which takes seconds. */
function Examination() {
  const [findings, setFindings] = useState<readonly Finding[]>();
  const action = useAction();
  return (
    <section aria-label="Examination" aria-busy={action.busy}>
      <button
        type="button"
        disabled={action.busy}
        onClick={() => action.run(async () => setFindings(await call<Finding[]>("GET", "/doctor")))}
      >
        {action.busy ? "Looking ..." : findings ? "Look again" : "Look what is wrong"}
      </button>
      <ProblemNote error={action.error} />
      {findings && (
        <ul class="findings">
          {findings.map(({ check, level, detail, fix }) => (
            <li key={`${check} ${detail}`} class={level}>
              <strong>{LEVEL_WORDS[level]}</strong>
              <span>
                {detail}
                {fix !== null && <span class="fix">{fix}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
