/** What is wrong, and what the server saw. */
import { agoWords } from "../model/words.ts";
import { events, health, now } from "../state.ts";

const SHOWN = 50;

export function DoctorView() {
  const problems = health.value?.problems ?? [];
  const latest = events.value.slice(-SHOWN).toReversed();
  return (
    <>
      <h1>Doctor</h1>
      {health.value && problems.length === 0 && (
        <p class="note good">Everything that should listen listens.</p>
      )}
      {problems.map(({ message, fix }) => (
        <p key={message} class="note fail">
          <strong>{message}</strong>
          {fix && <span> {fix}</span>}
        </p>
      ))}
      <h2>What happened</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </>
  );
}
