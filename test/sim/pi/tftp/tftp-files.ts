/** A FileSource over TFTP: one transfer at a time, source ports and patience as the loader's row says. */
import { type FileRequest, type FileSource, FirmwareStop } from "../files.ts";
import type { UdpStack } from "../net/udp-stack.ts";
import type { Loader } from "../profiles.ts";
import { type Outcome, transfer } from "./transfer.ts";

export class TftpFiles implements FileSource {
  readonly #stack: UdpStack;
  readonly #loader: Loader;
  readonly #server: string;
  readonly #timeFactor: number;
  readonly #onRequest: (request: FileRequest) => void;
  #port: number;

  constructor(
    stack: UdpStack,
    loader: Loader,
    options: { server: string; timeFactor: number; onRequest: (request: FileRequest) => void },
  ) {
    this.#stack = stack;
    this.#loader = loader;
    this.#server = options.server;
    this.#timeFactor = options.timeFactor;
    this.#onRequest = options.onRequest;
    this.#port = loader.tftp.sourcePort;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const outcome = await this.#run(path, false);
    return outcome.kind === "file" ? outcome.bytes : undefined;
  }

  async probe(path: string): Promise<boolean> {
    // Without options there is no answer to stop at: the ROM just fetches.
    const canProbe = this.#loader.tftp.options.length > 0;
    const outcome = await this.#run(path, canProbe);
    return outcome.kind === "there" || outcome.kind === "file";
  }

  async #run(path: string, isProbe: boolean): Promise<Outcome> {
    const { tftp } = this.#loader;
    const socket = this.#stack.open(this.#port);
    this.#port += tftp.portStep;
    this.#stack.answersArp = tftp.answersArp;
    try {
      const outcome = await transfer(socket, tftp, this.#timeFactor, { server: this.#server, path, isProbe });
      this.#note(path, isProbe, outcome);
      return outcome;
    } finally {
      this.#stack.answersArp = true;
      socket.close();
    }
  }

  #note(path: string, isProbe: boolean, outcome: Outcome): void {
    const request = { loader: this.#loader.name, path, kind: isProbe ? "probe" : "get" } as const;
    switch (outcome.kind) {
      case "file":
        this.#onRequest({ ...request, outcome: "sent", bytes: outcome.bytes.length });
        return;
      case "there":
        this.#onRequest({ ...request, outcome: "aborted", bytes: outcome.sizeBytes });
        return;
      case "missing":
        this.#onRequest({ ...request, outcome: "missing", bytes: 0 });
        return;
      case "failed":
        this.#onRequest({ ...request, outcome: "failed", bytes: 0, detail: outcome.because });
        throw new FirmwareStop(`TFTP: ${path}: ${outcome.because}`);
      case "silent":
        this.#onRequest({ ...request, outcome: "silent", bytes: 0 });
        if (this.#loader.tftp.silenceMeans === "stop") throw new FirmwareStop(`TFTP: ${path}: no answer`);
    }
  }
}
