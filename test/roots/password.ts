import { run } from "../../src/shim/support/run.ts";

/** The roots' one password, for /etc/shadow. */
export async function passwordHash(): Promise<string> {
  return (await run(["openssl", "passwd", "-6", "-salt", "pinetboot", "pinetboot"])).trim();
}
