/** The whole server with one session, whose disk lies over a sparse image: what a host really gets. */
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { iscsiUrl, temporaryFolder, TestServer } from "../../support/pinetboot.ts";

const MIB = 1 << 20;

export class SessionOfPinetboot {
  readonly #sizeBytes: number;
  readonly #folder = temporaryFolder("conformance");
  #server: TestServer | undefined;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** Resolves with the disk's URL, its login included. */
  async start(): Promise<string> {
    const server = await TestServer.start({ data: join(this.#folder.path, "data") });
    this.#server = server;
    const image = join(this.#folder.path, "disk.img");
    await Bun.write(image, crypto.getRandomValues(new Uint8Array(MIB / 16)));
    truncateSync(image, this.#sizeBytes);
    const { code, stderr } = await server.cli("image", "import", image, "--name", "disk");
    if (code !== 0) throw new Error(stderr);
    const session = await server.createSession({ image: "disk" });
    return iscsiUrl(session, { portal: `127.0.0.1:${server.ready.iscsi?.split(":").at(-1)}` });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#folder.dispose();
  }
}
