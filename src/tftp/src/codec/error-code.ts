/** Error codes: RFC 1350 (appendix, "Error Codes") and RFC 2347 (8). */

interface ErrorRow {
  readonly code: number;
  readonly name: string;
  readonly words: string;
}

export const ERROR_ROWS = [
  { code: 0, name: "not-defined", words: "Not defined, see the message" },
  { code: 1, name: "file-not-found", words: "File not found" },
  { code: 2, name: "access-violation", words: "Access violation" },
  { code: 3, name: "disk-full", words: "Disk full or allocation exceeded" },
  { code: 4, name: "illegal-operation", words: "Illegal TFTP operation" },
  { code: 5, name: "unknown-transfer-id", words: "Unknown transfer ID" },
  { code: 6, name: "file-exists", words: "File already exists" },
  { code: 7, name: "no-such-user", words: "No such user" },
  { code: 8, name: "option-refused", words: "Option negotiation refused" },
] as const satisfies readonly ErrorRow[];

export type TftpErrorCode = (typeof ERROR_ROWS)[number]["code"];
export type TftpErrorName = (typeof ERROR_ROWS)[number]["name"];

/** An error that carries its answer on the wire: thrown or returned by `open`, and by the codec on bad packets. */
export class TftpError extends Error {
  override readonly name = "TftpError";
  readonly code: TftpErrorCode;

  /** `what` is a code of the RFC or its name; the message, by default the RFC's words, is told to the client. */
  constructor(what: TftpErrorCode | TftpErrorName, message?: string) {
    const row = ERROR_ROWS.find(({ code, name }) => code === what || name === what) ?? ERROR_ROWS[0];
    super(message ?? row.words);
    this.code = row.code;
  }
}
