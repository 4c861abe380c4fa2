import { Problem } from "../api.ts";

/** An error in words, with what to do about it. Screen readers say it at once. */
export function ProblemNote({ error }: { error: unknown }) {
  if (error === undefined) return null;
  const fix = error instanceof Problem ? error.fix : null;
  return (
    <p class="note fail" role="alert">
      <strong>{error instanceof Error ? error.message : "Something failed in this page."}</strong>
      {fix && <span> {fix}</span>}
    </p>
  );
}
