/**
 * Room for the packets of one window, shared by all transfers of a server: packets are handed to the kernel
 * before the next transfer has its turn, so that a thousand transfers need no more room than one.
 */
import { DATA_HEADER_BYTES, writeDataHeader } from "../codec/packet.ts";
import { MAX_BLOCK_BYTES, MAX_WINDOW_BLOCKS, MAX_WINDOW_BYTES } from "../limits.ts";
import type { Content } from "./content.ts";

/** A handful is in use at a time: 512, 1024, 1428, 1468. */
const MAX_BLOCK_SIZES = 16;

export class PacketPool {
  readonly #bytes = new Uint8Array(Math.max(MAX_WINDOW_BYTES, MAX_BLOCK_BYTES + DATA_HEADER_BYTES));
  /** Block size -> the full packets and payloads of each place, made once: they are the hot path's garbage. */
  readonly #places = new Map<number, { packet: Uint8Array; payload: Uint8Array }[]>();

  /**
   * Writes the DATA packets from block `first` up to `last`, or up to the file's last block.
   * They are valid until the next call. A packet shorter than a full one is the file's last.
   */
  fill(content: Content, blockBytes: number, first: number, last: number): Uint8Array[] {
    const places = this.#placesFor(blockBytes);
    const packets: Uint8Array[] = [];
    for (let block = first; block <= last; block++) {
      const place = places[block - first];
      if (!place)
        throw new RangeError(`a window of ${last - first + 1} blocks of ${blockBytes} is too large`);
      writeDataHeader(place.packet, 0, block);
      const length = content.fill(block, place.payload);
      if (length < blockBytes) {
        packets.push(place.packet.subarray(0, DATA_HEADER_BYTES + length));
        break;
      }
      packets.push(place.packet);
    }
    return packets;
  }

  #placesFor(blockBytes: number): { packet: Uint8Array; payload: Uint8Array }[] {
    const known = this.#places.get(blockBytes);
    if (known) return known;
    const stride = blockBytes + DATA_HEADER_BYTES;
    const count = Math.max(1, Math.floor(MAX_WINDOW_BYTES / stride));
    const places = Array.from({ length: Math.min(count, MAX_WINDOW_BLOCKS) }, (_, i) => ({
      packet: this.#bytes.subarray(i * stride, (i + 1) * stride),
      payload: this.#bytes.subarray(i * stride + DATA_HEADER_BYTES, (i + 1) * stride),
    }));
    // Clients choose the block size: a hostile one must not make us keep places for each of 65,000.
    if (this.#places.size >= MAX_BLOCK_SIZES) this.#places.clear();
    this.#places.set(blockBytes, places);
    return places;
  }
}
