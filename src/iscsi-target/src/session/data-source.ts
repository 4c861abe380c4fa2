import type { Unit } from "../scsi/unit.ts";

/** Where a read's bytes come from; as of a BlockDevice, but positions are the transfer's own. */
export interface DataSource {
  tryRead(into: Uint8Array, position: number): boolean;
  read(into: Uint8Array, position: number): Promise<void>;
}

/** Parameter data, which is at hand. */
export function parameterSource(bytes: Uint8Array): DataSource {
  return {
    tryRead(into, position) {
      into.set(bytes.subarray(position, position + into.length));
      return true;
    },
    read: () => Promise.reject(new Error("parameter data is at hand")),
  };
}

/** Bytes of the device from `offset` on. */
export function deviceSource({ device }: Unit, offset: number): DataSource {
  return {
    tryRead: (into, position) => device.tryRead(into, offset + position),
    read: (into, position) => device.read(into, offset + position),
  };
}
