/** Starts the thread that hashes, from the thread that started the writer: both end with it. */
import { workerUrl } from "../host/worker-url.ts";

export interface Hasher {
  readonly worker: Worker;
  /** The way to it, for the writer. */
  readonly port: MessagePort;
}

/** @param onFailure told in words when the thread cannot run at all */
export function startHasher(onFailure: (words: string) => void): Hasher {
  const worker = new Worker(workerUrl("src/disk/hash/worker.ts"));
  worker.addEventListener("error", (event) => onFailure(event.message));
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ port: port1 }, [port1]);
  return { worker, port: port2 };
}
