import { useState } from "preact/hooks";
import { copyText } from "./copy-text.ts";

const SAID_FOR_MS = 1_500;

/** A value that a person needs elsewhere, with a button that copies it. */
export function CopyField({
  label,
  value,
  lines = false,
}: {
  label: string;
  value: string;
  lines?: boolean;
}) {
  const [said, setSaid] = useState("Copy");
  const copy = async (): Promise<void> => {
    setSaid((await copyText(value)) ? "Copied" : "Select it");
    setTimeout(() => setSaid("Copy"), SAID_FOR_MS);
  };
  return (
    <div class={lines ? "copy lines" : "copy"}>
      <span class="label">{label}</span>
      {lines ? <pre tabIndex={0}>{value}</pre> : <code>{value}</code>}
      <button type="button" class="quiet" aria-label={`Copy ${label}`} onClick={() => void copy()}>
        <span aria-live="polite">{said}</span>
      </button>
    </div>
  );
}
