/** Listens for logs from the moment that somebody wants them. */
import { type Netconsole, NETCONSOLE_PORT } from "./listener.ts";

export class NetconsoleKeeper {
  readonly #port: number;
  readonly #start: (port: number) => Promise<Netconsole | undefined>;
  #listening: Promise<Netconsole | undefined> | undefined;

  /** `start` listens, or says why it cannot and returns undefined; then the next wish tries again. */
  constructor(port: number | undefined, start: (port: number) => Promise<Netconsole | undefined>) {
    this.#port = port ?? NETCONSOLE_PORT;
    this.#start = start;
  }

  async listen(): Promise<void> {
    this.#listening ??= this.#start(this.#port);
    if ((await this.#listening) === undefined) this.#listening = undefined;
  }

  async stop(): Promise<void> {
    const listening = await this.#listening;
    listening?.close();
  }
}
