/** The types of persistent reservations, SPC-4 table 62. */

export interface ReservationTypeRow {
  readonly type: number;
  readonly name: string;
  /** Its place in the PERSISTENT RESERVATION TYPE MASK of REPORT CAPABILITIES. */
  readonly mask: number;
  /** Others may read. */
  readonly isWriteExclusive: boolean;
  /** Whom else it lets in: nobody, the registered, or the registered as holders of their own. */
  readonly admits: "holder" | "registrants" | "allRegistrants";
}

export const RESERVATION_TYPE_ROWS: readonly ReservationTypeRow[] = [
  { type: 1, name: "Write Exclusive", mask: 0x0200, isWriteExclusive: true, admits: "holder" },
  { type: 3, name: "Exclusive Access", mask: 0x0800, isWriteExclusive: false, admits: "holder" },
  {
    type: 5,
    name: "Write Exclusive - Registrants Only",
    mask: 0x2000,
    isWriteExclusive: true,
    admits: "registrants",
  },
  {
    type: 6,
    name: "Exclusive Access - Registrants Only",
    mask: 0x4000,
    isWriteExclusive: false,
    admits: "registrants",
  },
  {
    type: 7,
    name: "Write Exclusive - All Registrants",
    mask: 0x8000,
    isWriteExclusive: true,
    admits: "allRegistrants",
  },
  {
    type: 8,
    name: "Exclusive Access - All Registrants",
    mask: 0x0001,
    isWriteExclusive: false,
    admits: "allRegistrants",
  },
];

export function reservationType(type: number): ReservationTypeRow | undefined {
  return RESERVATION_TYPE_ROWS.find((row) => row.type === type);
}
