/** The page in a browser on another computer, and what strangers on that network call themselves. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { startClient } from "../dhcp/support.ts";
import { Lab } from "../sim/net/lab.ts";
import { SOURCE, temporaryFolder } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { driveBrowser } from "./drive.ts";
import { discoverOf } from "../support/dhcp-discover.ts";

const HOSTILE = "<img src=x onerror=ran=1>\u001b]0;x\u0007\u001b[2J";
/** Catches a hang; a browser beside other suites takes its time. */
const FLOW_MS = 480_000;

describeWith(["root", "node", "chromium"], "a browser on another computer of the network", () => {
  const folder = temporaryFolder("lan");
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab("lan");
  });
  afterAll(async () => {
    await lab.dispose();
    folder.dispose();
  });

  test(
    "is let in by the terminal's link once, handles keys, copies without HTTPS, and takes no name for markup",
    async () => {
      const laptop = lab.addHost("laptop", { address: "10.0.0.2/24" });
      const peer = lab.addHost("peer", { address: "10.0.0.50/24" });
      const flags = ["--interface", "eth0", "--http", "0.0.0.0:8080", "--no-shim-build"];
      const server = lab.spawn(laptop, [...SOURCE, "serve", "--data", join(folder.path, "data"), ...flags]);
      let terminal = "";
      const link = Promise.withResolvers<string>();
      void (async () => {
        const decoder = new TextDecoder();
        for await (const bytes of server.stdout) {
          terminal += decoder.decode(bytes, { stream: true });
          const said = /page +(http:\/\/10\.0\.0\.2:8080\/login\?token=\S+)/.exec(terminal)?.[1];
          if (said !== undefined) link.resolve(said);
        }
        link.reject(new Error(`the server ended: ${terminal}`));
      })();
      const url = await link.promise;
      await startClient(lab, peer, {
        packets: [discoverOf({ hostName: HOSTILE, vendorClass: HOSTILE }).toHex()],
        to: { address: "255.255.255.255", port: 67 },
        repeatMs: 500,
      });
      const Seen = z.looseObject({ said: z.string(), errors: z.array(z.string()) });
      const seen = await driveBrowser("fromLan", Seen, { url, run: peer.run });
      expect(seen.said).toContain("<img src=x onerror=ran=1>");
      expect(seen).toMatchObject({ images: 0, ran: "nothing ran", errors: [] });
      expect(seen).toMatchObject({ keyLength: 32, stays: false, before: 200, after: 401, again: 401 });
      // The terminal shows no key, and nothing that came from the network has moved its cursor.
      expect(terminal).not.toContain("\u001b");
    },
    FLOW_MS,
  );
});
