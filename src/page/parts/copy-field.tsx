import { useState } from "preact/hooks";

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
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), SAID_FOR_MS);
  };
  return (
    <div class={lines ? "copy lines" : "copy"}>
      <span class="label">{label}</span>
      {lines ? <pre tabIndex={0}>{value}</pre> : <code>{value}</code>}
      <button type="button" class="quiet" aria-label={`Copy ${label}`} onClick={() => void copy()}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
