/** What is wrong with a FAT file system, or with what is to be done to it. */
export type FatFault =
  /** No FAT file system begins here. */
  | "not-fat"
  /** Its structures contradict each other. */
  | "damaged"
  /** No free cluster, or no free place in a fixed root folder. */
  | "full"
  /** A name that FAT cannot hold, or a path to something that is not a file. */
  | "path"
  /** Larger than is read or written here. */
  | "too-large";

export class FatError extends Error {
  override readonly name = "FatError";
  readonly fault: FatFault;

  constructor(fault: FatFault, message: string) {
    super(message);
    this.fault = fault;
  }
}
