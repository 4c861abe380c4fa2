/** How far something is; without a fraction only that it goes on. */
export function Progress({ label, fraction }: { label: string; fraction: number | undefined }) {
  return (
    <progress aria-label={label} {...(fraction !== undefined && { value: fraction })} max={1}>
      {fraction === undefined ? label : `${Math.round(fraction * 100)} %`}
    </progress>
  );
}
