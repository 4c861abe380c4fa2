import { useState } from "preact/hooks";

/** A button for what cannot be undone: the first press asks, the second does it, leaving it takes the question back. */
export function ConfirmButton(props: {
  label: string;
  question: string;
  disabled?: boolean;
  onConfirm: () => void;
}) {
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      class={asked ? "danger" : "quiet"}
      disabled={props.disabled ?? false}
      onBlur={() => setAsked(false)}
      onClick={() => {
        if (asked) props.onConfirm();
        setAsked(!asked);
      }}
    >
      {asked ? props.question : props.label}
    </button>
  );
}
