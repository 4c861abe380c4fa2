/** What the services say when the system does not let them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { type Host, Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { Lines, startService } from "./support.ts";

/** Whoever owns the checkout can read it also without root's rights; root itself has none without capabilities. */
const { uid, gid } = statSync(import.meta.dir);
const OWNER = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
const NO_RIGHTS = [...OWNER, "--inh-caps=-all", "--bounding-set=-all"];
const LOW_PORTS_ONLY = [
  ...OWNER,
  "--inh-caps=-all,+net_bind_service",
  "--ambient-caps=-all,+net_bind_service",
  "--bounding-set=-all,+net_bind_service",
];

describeWith(["root", "setpriv", "socat"], "the right to serve", () => {
  let lab: Lab;
  let host: Host;

  beforeAll(() => {
    lab = new Lab("rights");
    host = lab.addHost("host", { address: "10.9.0.1/24" });
  });

  afterAll(() => lab.dispose());

  async function refusal(mode: "proxy" | "server", as: readonly string[], port?: number): Promise<unknown> {
    const { events } = await startService(
      lab,
      host,
      { mode, detectTimeoutMs: 200, ...(port === undefined ? {} : { port }) },
      as,
    );
    return events.seen.find(({ type }) => type === "refused" || type === "ready");
  }

  test.each(["proxy", "server"] as const)("without any, the %s says EACCES and which port", async (mode) => {
    expect(await refusal(mode, NO_RIGHTS)).toMatchObject({
      type: "refused",
      name: "DhcpSocketError",
      code: "EACCES",
      message: expect.stringContaining("eth0 port 67"),
    });
  });

  test("with low ports alone, the proxy serves and the server says EPERM", async () => {
    expect(await refusal("proxy", LOW_PORTS_ONLY)).toMatchObject({ type: "ready", port: 67 });
    expect(await refusal("server", LOW_PORTS_ONLY, 6767)).toMatchObject({ type: "refused", code: "EPERM" });
  });

  test("without any, the proxy serves on a high port", async () => {
    expect(await refusal("proxy", NO_RIGHTS, 0)).toMatchObject({ type: "ready", port: expect.any(Number) });
  });

  test("beside a program that will not share the port, the proxy says EADDRINUSE", async () => {
    const other = lab.addHost("other", { address: "10.9.0.2/24" });
    const holder = lab.spawn(other, ["socat", "-d", "-d", "-u", "UDP4-RECV:67", "OPEN:/dev/null"]);
    await new Lines(holder.stderr, (line) => line).waitFor("socat", (line) =>
      line.includes("starting data transfer"),
    );
    const { events } = await startService(lab, other, { mode: "proxy" });
    expect(events.seen.find(({ type }) => type === "refused")).toMatchObject({
      name: "DhcpSocketError",
      code: "EADDRINUSE",
    });
  });
});
