import type { ComponentChildren } from "preact";
import { ProblemNote } from "./problem-note.tsx";
import type { Action } from "./use-action.ts";

/** A panel whose one button asks the server for something; what went wrong stands under it. */
export function ActionForm(props: {
  action: Action;
  label: string;
  work: () => Promise<unknown>;
  children: ComponentChildren;
}) {
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        props.action.run(props.work);
      }}
    >
      {props.children}
      <button type="submit" disabled={props.action.busy}>
        {props.label}
      </button>
      <ProblemNote error={props.action.error} />
    </form>
  );
}
