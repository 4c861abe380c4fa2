import { render } from "preact";
import { follow } from "./state.ts";
import { Shell } from "./views/shell.tsx";

const root = document.querySelector("#app");
if (root) {
  root.replaceChildren();
  render(<Shell />, root);
  follow();
}
