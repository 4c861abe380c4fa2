/** The network of these suites: a server of ours, a client beside it, and a client behind a bad cable. */
import { mkdtempSync, readdirSync, readlinkSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TftpEvent } from "tftp-ts";
import { type Host, Lab, type LabProcess } from "../sim/net/lab.ts";

export const SERVER = "10.69.0.1";

export interface TftpLab {
  readonly lab: Lab;
  readonly server: Host;
  /** Beside the server. */
  readonly near: Host;
  /** Behind 1 ms each way, and 1 % of the packets lost. */
  readonly far: Host;
  readonly process: LabProcess;
  readonly events: TftpEvent[];
  /** What is served. */
  readonly folder: string;
  /** Where clients write. */
  readonly downloads: string;
  dispose(): Promise<void>;
}

export async function openTftpLab(): Promise<TftpLab> {
  const lab = new Lab("tftp");
  const folder = mkdtempSync(join(tmpdir(), "pinetboot-tftp-served-"));
  const downloads = mkdtempSync(join(tmpdir(), "pinetboot-tftp-got-"));
  const dispose = async (): Promise<void> => {
    await lab.dispose();
    for (const path of [folder, downloads]) rmSync(path, { recursive: true });
  };
  try {
    const server = lab.addHost("server", { address: `${SERVER}/24` });
    const near = lab.addHost("near", { address: "10.69.0.10/24" });
    const way = { loss: 0.01, delayMs: 1 };
    const segment = await lab.addRelay({ seed: 69, there: way, back: way });
    const far = lab.addHost("far", { address: "10.69.0.20/24", segment });
    const program = [process.execPath, join(import.meta.dir, "serve-folder.ts"), folder];
    const served = lab.spawn(server, program);
    const events: TftpEvent[] = [];
    const ready = Promise.withResolvers<void>();
    void collect(served, events, ready.resolve).then(() => ready.reject(new Error("the server ended")));
    await ready.promise;
    return { lab, server, near, far, process: served, events, folder, downloads, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Runs a command to its end and returns what it said, both streams in one, and its exit code. */
export async function run(lab: Lab, host: Host, command: readonly string[], cwd: string) {
  const child = lab.spawn(host, command, { cwd });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { said: out + err, code };
}

/** UDP sockets of a process, by its descriptors. */
export function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) =>
    readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:"),
  ).length;
}

export function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Waits until a condition holds; the suite's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(10);
}

async function collect(served: LabProcess, events: TftpEvent[], onListening: () => void): Promise<void> {
  let rest = "";
  for await (const chunk of served.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event: TftpEvent = JSON.parse(line);
      events.push(event);
      if (event.kind === "listening") onListening();
    }
  }
}
