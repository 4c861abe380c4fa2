/** A live card for each Pi. */
import { pis } from "../state.ts";
import { ManyPis } from "./many-pis.tsx";
import { PiCard } from "./pi-card.tsx";

export function PisView() {
  const waiting = pis.value.filter(({ assignment }) => assignment === null);
  const known = pis.value.filter(({ assignment }) => assignment !== null);
  return (
    <>
      <h1>Pis</h1>
      {pis.value.length === 0 && <NoPis />}
      {pis.value.length > 1 && <ManyPis />}
      {waiting.length > 0 && (
        <section aria-labelledby="waiting">
          <h2 id="waiting">Waiting for a choice</h2>
          <div class="cards">
            {waiting.map((pi) => (
              <PiCard key={pi.key} pi={pi} />
            ))}
          </div>
        </section>
      )}
      {known.length > 0 && (
        <section aria-labelledby="known">
          <h2 id="known">In service</h2>
          <div class="cards">
            {known.map((pi) => (
              <PiCard key={pi.key} pi={pi} />
            ))}
          </div>
        </section>
      )}
    </>
  );
}

function NoPis() {
  return (
    <div class="empty">
      <p>No Pi has asked yet.</p>
      <p>
        Connect one by cable to the network of this computer, take its SD card out, and switch it on: it
        appears here by itself.
      </p>
      <p>
        A Pi that never shows up may not be set to boot from the network: see the chapter on booting of the
        documentation.
      </p>
    </div>
  );
}
