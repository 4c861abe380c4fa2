/** The server on another computer that a command is meant for. */
import { ApplianceError } from "../appliance/index.ts";

/** Where the page and the API listen when nobody says otherwise. */
const PORT = 8080;

export interface RemoteServer {
  /** Without a slash at its end. */
  readonly url: string;
  /** Of `pinetboot key create`. */
  readonly key: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * What `--server` or $PINETBOOT_SERVER names, with the key of $PINETBOOT_KEY; undefined when the command is for this
 * computer. `--data` is a folder of this computer, so it wins over the environment. Throws "bad-request" for both flags.
 */
export function remoteServerOf(
  { server, data }: { readonly server?: string; readonly data?: string },
  env: Env = process.env,
): RemoteServer | undefined {
  if (server !== undefined && data !== undefined)
    throw new ApplianceError(
      "bad-request",
      "--data is a folder of this computer, --server another computer",
      "Give one of them.",
    );
  const fromEnv = data === undefined ? env["PINETBOOT_SERVER"] || undefined : undefined;
  const url = server ?? (fromEnv === undefined ? undefined : serverUrl(fromEnv));
  return url === undefined ? undefined : { url, key: env["PINETBOOT_KEY"] || undefined };
}

/** "pi-server", "10.0.0.2:8080" or "http://pi-server:8080/" as an address. Throws "bad-request". */
export function serverUrl(word: string): string {
  const hasScheme = /^https?:\/\//i.test(word);
  const url = URL.parse(hasScheme ? word : `http://${word}`);
  if (!url || url.hostname === "" || url.pathname !== "/" || url.search !== "" || url.username !== "")
    throw new ApplianceError(
      "bad-request",
      `"${word}" is not the address of a server`,
      "Write it like 192.168.1.10:8080.",
    );
  if (!hasScheme && !/:\d+\/?$/.test(word)) url.port = String(PORT);
  return url.origin;
}
