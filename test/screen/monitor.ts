/** QEMU's monitor protocol, QMP: one JSON document a line, one answer a command, events in between. */

type Answer = { readonly return?: unknown; readonly error?: { readonly desc: string } };

export class Monitor {
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];
  #partial = "";
  #socket: Bun.Socket | undefined;

  /** Connects to `-qmp unix:PATH,server=on,wait=off`. */
  static async connect(path: string): Promise<Monitor> {
    const monitor = new Monitor();
    monitor.#socket = await Bun.connect({
      unix: path,
      socket: {
        data: (_, bytes) => monitor.#read(bytes.toString("utf8")),
        close: () => {
          for (const { reject } of monitor.#waiting.splice(0)) reject(new Error("QEMU closed its monitor"));
        },
      },
    });
    await monitor.execute("qmp_capabilities");
    return monitor;
  }

  /** Rejects with QEMU's words when it refuses. */
  async execute(command: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push(answer);
    this.#socket?.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    const { error, return: result } = await answer.promise;
    if (error) throw new Error(`${command}: ${error.desc}`);
    return result;
  }

  close(): void {
    this.#socket?.end();
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) {
      const answer: Answer = JSON.parse(line);
      if ("return" in answer || "error" in answer) this.#waiting.shift()?.resolve(answer);
    }
  }
}
