/** How a Pi boots: mode, variant of the shim, and for mode usb whether the computer beside it may write. */
import type { Pi } from "../api.ts";

type Assigned = NonNullable<Pi["assignment"]>;
type Mode = Assigned["mode"];
type Variant = Assigned["variant"];

/** What the person has touched. */
export interface HowChoice {
  readonly mode?: Mode | undefined;
  readonly variant?: Variant | undefined;
  readonly readOnly?: boolean;
}

const MODES: readonly (readonly [Mode, string])[] = [
  ["pivot", "its root, under pinetboot's kernel"],
  ["kexec", "its own kernel and root"],
  ["usb", "a USB disk for the computer beside it"],
];
const VARIANTS: readonly (readonly [Variant, string])[] = [
  ["ethernet", "by cable"],
  ["wifi", "by cable, else WiFi"],
];

/** The part of an assignment's body that this choice makes; what nobody chose is left to the server's defaults. */
export function howBody(choice: HowChoice, assigned: Assigned | null) {
  const mode = choice.mode ?? assigned?.mode;
  const variant = choice.variant ?? assigned?.variant;
  const readOnly = choice.readOnly ?? assigned?.read_only ?? false;
  return { ...(mode && { mode }), ...(variant && { variant }), read_only: mode === "usb" && readOnly };
}

export function How({
  choice,
  assigned,
  onChange,
}: {
  choice: HowChoice;
  assigned: Assigned | null;
  onChange: (choice: HowChoice) => void;
}) {
  const mode = choice.mode ?? assigned?.mode;
  const variant = choice.variant ?? assigned?.variant;
  return (
    <>
      <label>
        Starts
        <select
          value={mode ?? ""}
          onChange={({ currentTarget }) =>
            onChange({ ...choice, mode: MODES.find(([name]) => name === currentTarget.value)?.[0] })
          }
        >
          {!assigned && <option value="">as the server was told</option>}
          {MODES.map(([name, words]) => (
            <option key={name} value={name}>
              {words} ({name})
            </option>
          ))}
        </select>
      </label>
      {mode === "usb" && (
        <label class="check">
          <input
            type="checkbox"
            checked={choice.readOnly ?? assigned?.read_only ?? false}
            onChange={({ currentTarget }) => onChange({ ...choice, readOnly: currentTarget.checked })}
          />
          That computer cannot write
        </label>
      )}
      <label>
        Network
        <select
          value={variant ?? ""}
          onChange={({ currentTarget }) =>
            onChange({ ...choice, variant: VARIANTS.find(([name]) => name === currentTarget.value)?.[0] })
          }
        >
          {!assigned && <option value="">as the server was told</option>}
          {VARIANTS.map(([name, words]) => (
            <option key={name} value={name}>
              {words} ({name})
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
