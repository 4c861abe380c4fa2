/** The states of a transfer and what moves it; docs draw their diagram from these rows. */

interface Move {
  readonly from: string;
  readonly on: string;
  readonly to: string;
  readonly why: string;
}

export const MOVES = [
  { from: "offering", on: "agreed", to: "sending", why: "ACK 0: the client takes our OACK" },
  {
    from: "offering",
    on: "declined",
    to: "ended",
    why: "ERROR or a closed port: the client wanted the size",
  },
  { from: "offering", on: "failed", to: "ended", why: "silence, a bad packet, or our stop" },
  { from: "sending", on: "finished", to: "ended", why: "ACK of the last block" },
  { from: "sending", on: "declined", to: "ended", why: "ERROR before any block was acknowledged" },
  {
    from: "sending",
    on: "failed",
    to: "ended",
    why: "ERROR, silence, a bad packet, an unreadable file, our stop",
  },
] as const satisfies readonly Move[];

export type TransferState = (typeof MOVES)[number]["from"] | (typeof MOVES)[number]["to"];
export type TransferMove = (typeof MOVES)[number]["on"];

/** The state after a move. Throws an Error for a move that the rows do not have: that is a fault of ours. */
export function moved(from: TransferState, on: TransferMove): TransferState {
  const row = MOVES.find((row) => row.from === from && row.on === on);
  if (!row) throw new Error(`a transfer that is ${from} cannot be ${on}`);
  return row.to;
}
