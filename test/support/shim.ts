/** A shim as far as the boot endpoint sees it. */
export interface ShimIdentity {
  readonly serial: string;
  readonly mac: string;
  readonly boot: string;
}

export class FakeShim {
  readonly #endpoint: string;
  readonly identity: ShimIdentity;

  /** `endpoint` is "127.0.0.1:8069". */
  constructor(endpoint: string, identity: Partial<ShimIdentity> = {}) {
    this.#endpoint = endpoint;
    this.identity = { serial: "100000008d3fa2c1", mac: "dc:a6:32:01:36:c2", boot: "boot-1", ...identity };
  }

  get key(): string {
    return this.identity.serial.slice(-8);
  }

  /** Asks which disk to boot; resolves with the answer's keys and values. */
  async ask(change: Record<string, string> = {}): Promise<Record<string, string>> {
    const response = await fetch(`http://${this.#endpoint}/v1/parameters?${this.#words(change)}`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    return Object.fromEntries(
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  /** Says how far it is. */
  report(stage: string, state: string, detail = "", fix = ""): Promise<Response> {
    return fetch(`http://${this.#endpoint}/v1/report`, {
      method: "POST",
      body: this.#words({ stage, state, detail, fix }),
    });
  }

  /** Sends what came on its console. */
  console(text: string): Promise<Response> {
    return fetch(`http://${this.#endpoint}/v1/console?${this.#words({})}`, { method: "POST", body: text });
  }

  #words(change: Record<string, string>): URLSearchParams {
    return new URLSearchParams({ ...this.identity, ...change });
  }
}
