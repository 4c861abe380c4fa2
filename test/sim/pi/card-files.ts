/** The files of an SD card as the firmware sees them: the first FAT partition by its MBR, read by our own FAT. */
import { FatVolume } from "../../../src/disk/fat/volume.ts";
import { readPartitionTable } from "../../../src/disk/partitions.ts";
import { openRawFile } from "../../../src/disk/raw-file.ts";
import { type FileRequest, type FileSource, FirmwareStop } from "./files.ts";

export class CardFiles implements FileSource {
  /** Every request, in order. */
  readonly requests: FileRequest[] = [];
  readonly #volume: FatVolume;
  readonly #loader: string;

  private constructor(volume: FatVolume, loader: string) {
    this.#volume = volume;
    this.#loader = loader;
  }

  /** Puts the card in. Throws FirmwareStop when no FAT is on it. */
  static async open(path: string, loader: string): Promise<CardFiles> {
    const disk = await openRawFile(path, { readOnly: true });
    const { entries } = await readPartitionTable(disk);
    const boot = entries.find(({ type }) => type.startsWith("FAT"));
    if (!boot) throw new FirmwareStop("the card has no FAT partition");
    return new CardFiles(await FatVolume.open(disk, boot.offsetBytes, boot.sizeBytes), loader);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#volume.read(path);
    const outcome = bytes ? "sent" : "missing";
    this.requests.push({ loader: this.#loader, path, kind: "get", outcome, bytes: bytes?.length ?? 0 });
    return bytes;
  }

  async probe(path: string): Promise<boolean> {
    const bytes = await this.#volume.read(path);
    const outcome = bytes ? "aborted" : "missing";
    this.requests.push({ loader: this.#loader, path, kind: "probe", outcome, bytes: 0 });
    return bytes !== undefined;
  }
}
