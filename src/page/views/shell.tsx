/** What is around every view: the name, the ways to the views, and whether the page is up to date. */
import { health, stream } from "../state.ts";
import { type View, view, VIEWS } from "../route.ts";
import { secondsWords } from "../model/words.ts";
import { Progress } from "../parts/progress.tsx";
import { DisksView } from "./disks.tsx";
import { DoctorView } from "./doctor.tsx";
import { ImagesView } from "./images.tsx";
import { KeysView } from "./keys.tsx";
import { PisView } from "./pis.tsx";

const BODIES: Record<View, () => preact.JSX.Element> = {
  pis: PisView,
  images: ImagesView,
  disks: DisksView,
  doctor: DoctorView,
  keys: KeysView,
};

const STREAM_WORDS = { connecting: "Connecting", live: "Live", lost: "The server does not answer" } as const;

export function Shell() {
  const Body = BODIES[view.value];
  return (
    <>
      <header>
        <a class="brand" href="#/pis">
          <img src="/page/icon.svg" alt="" width="24" height="24" /> pinetboot
        </a>
        <nav aria-label="Views">
          {VIEWS.map(({ path, name }) => (
            <a key={path} href={`#/${path}`} aria-current={view.value === path ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <span class={`stream ${stream.value}`} role="status">
          {STREAM_WORDS[stream.value]}
        </span>
      </header>
      <main>
        <ShimNote />
        <Body />
      </main>
    </>
  );
}

/** While the boot shim is being made no Pi can come up: everybody who looks should know how long. */
function ShimNote() {
  const shim = health.value?.shim;
  if (!shim || shim.state === "ready") return null;
  if (shim.state === "missing")
    return <p class="note">There is no boot shim yet, so Pis cannot boot. Disks are served.</p>;
  const eta = shim.eta_seconds === null ? "" : `, about ${secondsWords(shim.eta_seconds)} left`;
  return (
    <div class="note">
      The boot shim is being built: {shim.step}
      {eta}. Pis come up by themselves when it is there.
      <Progress label="Boot shim" fraction={shim.fraction ?? undefined} />
    </div>
  );
}
