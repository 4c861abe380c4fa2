/** Why a service cannot listen, in one line, with the exact remedy. */
import { ApplianceError, errnoOf, wordsOf } from "../errors.ts";
import { portOwner } from "../net/port-owner.ts";

export interface Listener {
  /** "DHCP", "TFTP", "iSCSI", "the boot endpoint", "the API" */
  readonly service: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** The flag that chooses another port: "--tftp-port". */
  readonly flag: string;
}

/** Turns the error of a bind into words. `program` is what the person would give the right to. */
export function explainBindError(
  error: unknown,
  { service, protocol, port, flag }: Listener,
  program = programFile(),
): ApplianceError {
  if (error instanceof ApplianceError) return error;
  const what = `${service} cannot listen on ${protocol.toUpperCase()} port ${port}`;
  switch (errnoOf(error)) {
    case "EPERM":
      return new ApplianceError(
        "port-unavailable",
        `${service} needs a right that this process lacks: ${wordsOf(error)}`,
        `sudo setcap 'cap_net_bind_service,cap_net_raw=+ep' ${program}   (or start it with sudo)`,
        { cause: error },
      );
    case "EACCES":
      return new ApplianceError(
        "port-unavailable",
        `${what}: ports below 1024 need a right that this process lacks`,
        `sudo setcap 'cap_net_bind_service,cap_net_raw=+ep' ${program}   (or start it with sudo)`,
        { cause: error },
      );
    case "EADDRINUSE": {
      const owner = portOwner(protocol, port);
      return new ApplianceError(
        "port-unavailable",
        `${what}: it is in use${owner === undefined ? " by another program" : ` by ${owner}`}`,
        `Stop that program, or choose another port with ${flag}.`,
        { cause: error },
      );
    }
    default:
      return new ApplianceError("port-unavailable", `${what}: ${wordsOf(error)}`, undefined, {
        cause: error,
      });
  }
}

/** The file that runs: the binary itself, or Bun when it runs from source. */
function programFile(): string {
  return process.execPath;
}
