/** Pis that are on the network and never asked to boot from it. */
import { readFileSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { hasPiPrefix } from "../pi-identity.ts";
import { type Finding, warning } from "./finding.ts";

export interface Neighbour {
  readonly address: string;
  readonly mac: string;
}

const TABLE = "/proc/net/arp";
const NO_MAC = "00:00:00:00:00:00";

/** Whom this computer has spoken with lately, by the kernel's table. */
export function readNeighbours(): readonly Neighbour[] {
  try {
    return readFileSync(TABLE, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s+/))
      .flatMap(([address, , , mac]) =>
        address && mac && mac !== NO_MAC ? [{ address, mac: mac.toLowerCase() }] : [],
      );
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** `known` are the MACs of the Pis that asked us. One that runs from its own card is named, too: it may be meant to. */
export function checkSilentPis(neighbours: readonly Neighbour[], known: ReadonlySet<string>): Finding[] {
  return neighbours
    .filter(({ mac }) => hasPiPrefix(mac) && !known.has(mac))
    .map(({ address, mac }) =>
      warning(
        "silent-pi",
        `A Raspberry Pi (${mac}) is at ${address} and never asked to boot`,
        "To boot it from here take its SD card out and set its boot order to the network: sudo raspi-config, Advanced, Boot Order.",
      ),
    );
}
