/** What a Pi is to be like at its first start, without a screen on it. */
import { useState } from "preact/hooks";

/** What is typed; empty fields are left to the image. */
const FIELDS = [
  { name: "hostname", label: "Host name", placeholder: "one of its own" },
  { name: "user", label: "User" },
  { name: "password", label: "Password", type: "password" },
  { name: "key", label: "SSH public key", placeholder: "ssh-ed25519 ..." },
  { name: "ssid", label: "WiFi name" },
  { name: "wifi_password", label: "WiFi password", type: "password" },
  { name: "country", label: "WiFi country", placeholder: "DE" },
  { name: "timezone", label: "Time zone", placeholder: "Europe/Berlin" },
] as const satisfies readonly { name: string; label: string; type?: string; placeholder?: string }[];

export type Wishes = Partial<Record<(typeof FIELDS)[number]["name"], string>>;

/** The API's form of what was typed; undefined when nothing was. */
export function customiseBody(wishes: Wishes): object | undefined {
  const said = Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== ""));
  if (Object.keys(said).length === 0) return undefined;
  const { key, ssid, wifi_password, country, ...same } = said;
  return {
    ...same,
    ...(key !== undefined && { ssh_keys: [key] }),
    ...(ssid !== undefined && {
      wifi: { ssid, country: country ?? "", ...(wifi_password !== undefined && { password: wifi_password }) },
    }),
  };
}

export function Customise({ wishes, onChange }: { wishes: Wishes; onChange: (wishes: Wishes) => void }) {
  const [opened, setOpened] = useState(false);
  return (
    <details class="menu" onToggle={({ currentTarget }) => setOpened(currentTarget.open)}>
      <summary>Customise</summary>
      {opened && (
        <>
          <p class="dim">Written to its disk before its first start, and again after it begins anew.</p>
          {FIELDS.map(({ name, label, ...rest }) => (
            <label key={name}>
              {label}
              <input
                autoComplete="off"
                value={wishes[name] ?? ""}
                onInput={({ currentTarget }) => onChange({ ...wishes, [name]: currentTarget.value })}
                {...rest}
              />
            </label>
          ))}
        </>
      )}
    </details>
  );
}
