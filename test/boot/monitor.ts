/** QEMU's monitor on a socket: the hand that pulls a virtual machine's cable, or takes a picture of its screen. */

const PROMPT = "(qemu) ";
/** A monitor answers at once, but not while its machine is busy on a loaded computer. */
const ANSWER_MS = 30_000;

/** QEMU's flags for a monitor at `path`. */
export function monitorFlags(path: string): string[] {
  return ["-monitor", `unix:${path},server=on,wait=off`];
}

/** Gives one command to the monitor and returns what it said. Rejects when nobody answers. */
export async function askMonitor(path: string, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const late = setTimeout(() => reject(new Error(`the monitor did not answer "${command}"`)), ANSWER_MS);
  const decoder = new TextDecoder();
  let said = "";
  const socket = await Bun.connect({
    unix: path,
    socket: {
      data(from, bytes) {
        const greeted = said.includes(PROMPT);
        said += decoder.decode(bytes, { stream: true });
        if (!greeted && said.includes(PROMPT)) from.write(`${command}\n`);
        const parts = said.split(PROMPT);
        if (parts.length > 2) resolve(parts[1] ?? "");
      },
      close: () => reject(new Error(`the monitor was closed before it answered "${command}"`)),
    },
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    socket.end();
  }
}
