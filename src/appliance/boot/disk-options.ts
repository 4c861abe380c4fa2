/**
 * DHCP options 17 and 224: where a Pi's disk is and how it becomes its root, for a shim that asks no boot endpoint.
 * They carry no secret: such a shim has its login from its own command line.
 */
import { type DhcpOptions, makeOptions } from "dhcp4-ts";

export interface DiskPlace {
  readonly address: string;
  readonly port: number;
  readonly target: string;
  readonly lun: number;
  readonly mode: string;
}

/** Of the range for private use (RFC 3942); the boot shim reads the mode from it. */
const MODE_OPTION = 224;

/** Option 17 in the form of RFC 4173 section 5, `iscsi:<server>:<protocol>:<port>:<LUN>:<target>`, and the mode. */
export function diskOptions({ address, port, target, lun, mode }: DiskPlace): DhcpOptions {
  // The protocol stays empty: it means TCP, and the original shim's page writes it so.
  return makeOptions({ rootPath: `iscsi:${address}::${port}:${lun}:${target}` }).set(
    MODE_OPTION,
    new TextEncoder().encode(mode),
  );
}
