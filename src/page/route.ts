/** Which view is shown: the part of the address behind the #. */
import { signal } from "@preact/signals";

export const VIEWS = [
  { path: "pis", name: "Pis" },
  { path: "images", name: "Images" },
  { path: "disks", name: "Disks" },
  { path: "doctor", name: "Doctor" },
  { path: "keys", name: "Keys" },
] as const;

export type View = (typeof VIEWS)[number]["path"];

export const view = signal<View>(viewOf(location.hash));

addEventListener("hashchange", () => (view.value = viewOf(location.hash)));

function viewOf(hash: string): View {
  return VIEWS.find(({ path }) => hash === `#/${path}`)?.path ?? "pis";
}
