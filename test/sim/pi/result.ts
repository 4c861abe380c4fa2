/** What the emulator tells, line by line, and what a test gets in the end. */
import type { DhcpOutcome } from "./dhcp/client.ts";
import type { FileRequest } from "./files.ts";

export type PiEvent =
  | ({ readonly event: "dhcp"; readonly loader: string } & DhcpOutcome)
  | ({ readonly event: "request" } & FileRequest)
  | ({ readonly event: "started" } & StartedFiles)
  | { readonly event: "stopped"; readonly reason: string };

export interface StartedFiles {
  readonly kernelPath: string;
  readonly deviceTreePath: string;
  readonly initramfsPath: string | undefined;
  readonly kernelName: string;
  readonly deviceTreeName: string;
  readonly cmdline: string;
  readonly warnings: readonly string[];
}

interface PiLog {
  /** One per loader that got an address. */
  readonly dhcp: ReadonlyArray<{ readonly loader: string } & DhcpOutcome>;
  readonly requests: readonly FileRequest[];
}

/** The end of a power-on: the kernel's files, or the reason why the firmware stopped. */
export type PiResult =
  | (PiLog & { readonly outcome: "started" } & StartedFiles)
  | (PiLog & { readonly outcome: "stopped"; readonly reason: string });
