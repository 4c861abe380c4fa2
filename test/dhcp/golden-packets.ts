/**
 * DISCOVERs as real clients send them, put together by hand from what is documented of each, byte by byte:
 * nothing here goes through the codec under test.
 */

/** Bytes from hex digits; spaces are for the eye. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replaceAll(" ", ""));
}

export interface GoldenPacket {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly mac: string;
  readonly xid: number;
}

interface Parts {
  readonly name: string;
  readonly mac: string;
  readonly xid: string;
  readonly secs?: string;
  readonly flags?: string;
  /** Hex with spaces, the cookie and the end left out. */
  readonly options: readonly string[];
  /** Total length; the rest is zeros. */
  readonly sizeBytes?: number;
}

function packet({ name, mac, xid, secs, flags, options, sizeBytes }: Parts): GoldenPacket {
  const header = ["01 01 06 00", xid, secs ?? "0000", flags ?? "0000"].join("");
  const addresses = "00000000".repeat(4);
  const chaddr = mac.replaceAll(":", "").padEnd(32, "0");
  const names = "00".repeat(64 + 128);
  const text = [header, addresses, chaddr, names, "63825363", ...options, "ff"].join("").replaceAll(" ", "");
  const bytes = hex(text.padEnd((sizeBytes ?? 0) * 2, "0"));
  return { name, bytes, mac, xid: Number.parseInt(xid, 16) };
}

const DISCOVER = "35 01 01";
const ARCHITECTURE_PC = "5d 02 00 00";
const UNDI = "5e 03 01 02 01";
/** PXEClient:Arch:00000:UNDI:002001 */
const PXE_CLASS =
  "3c 20 50 58 45 43 6c 69 65 6e 74 3a 41 72 63 68 3a 30 30 30 30 30 3a 55 4e 44 49 3a 30 30 32 30 30 31";

/** What the firmwares of all Pis have in common besides their own option 97. */
const piOptions = (asks: string, machineId: string): string[] => [
  DISCOVER,
  asks,
  ARCHITECTURE_PC,
  UNDI,
  `61 11 00 ${machineId}`,
  PXE_CLASS,
];

const ASKS_PI3_ROM = "37 0c 2b 3c 43 80 81 82 83 84 85 86 87 42";
const ASKS_PI3_LOADER = "37 0e 01 03 2b 3c 43 80 81 82 83 84 85 86 87 42";
const ASKS_PI4 = "37 0e 01 03 2b 3c 42 43 80 81 82 83 84 85 86 87";

export const PI_3B = packet({
  name: "Pi 3B ROM",
  mac: "b8:27:eb:12:34:56",
  xid: "26f30339",
  options: piOptions(ASKS_PI3_ROM, "44".repeat(16)),
  sizeBytes: 322,
});

export const PI_3B_PLUS = packet({
  name: "Pi 3B+ ROM",
  mac: "b8:27:eb:65:43:21",
  xid: "26f30339",
  options: piOptions(ASKS_PI3_LOADER, "21436500".repeat(4)),
  sizeBytes: 322,
});

export const PI_4_OLD = packet({
  name: "Pi 4, EEPROM up to 2022-01",
  mac: "dc:a6:32:2e:f8:ed",
  xid: "5b154510",
  secs: "0004",
  options: piOptions(ASKS_PI4, "52506934 1131a000 322ef8ed 1045155b"),
  sizeBytes: 342,
});

export const PI_4_NEW = packet({
  name: "Pi 4, EEPROM from 2022-03",
  mac: "e4:5f:01:09:02:f7",
  xid: "8a0c33f1",
  options: piOptions(ASKS_PI4, "34695052 1431d000 010902f7 3df0cd91"),
  sizeBytes: 342,
});

export const PI_4_FIRST = packet({
  name: "Pi 4, EEPROM before 2020-03",
  mac: "dc:a6:32:01:36:c2",
  xid: "00c0ffee",
  options: piOptions(ASKS_PI4, "a1b2c3d4".repeat(4)),
  sizeBytes: 342,
});

export const PI_5 = packet({
  name: "Pi 5, EEPROM from 2023-10-30",
  mac: "2c:cf:67:0a:0b:0c",
  xid: "11223344",
  options: piOptions(ASKS_PI4, "35695052 7041d000 670a0b0c 78563412"),
  sizeBytes: 342,
});

export const PI_5_FIRST = packet({
  name: "Pi 5, first EEPROM, with the Pi 4's code",
  mac: "d8:3a:dd:0a:0b:0c",
  xid: "11223345",
  options: piOptions(ASKS_PI4, "34695052 7041d000 dd0a0b0c efbeadde"),
  sizeBytes: 342,
});

/** iPXE and the ROMs of boards send a UUID of the board, and ask as PXE tells them to. */
export const PXE_PC = packet({
  name: "PXE ROM of a PC",
  mac: "52:54:00:12:34:56",
  xid: "00123456",
  secs: "0004",
  flags: "8000",
  options: [
    DISCOVER,
    "37 18 01 02 03 05 06 0b 0c 0d 0f 10 11 12 2b 36 3c 43 80 81 82 83 84 85 86 87",
    "39 02 04 ec",
    "61 11 00 4c4c4544 0033 5010 8052 b4c04f4e3232",
    ARCHITECTURE_PC,
    UNDI,
    PXE_CLASS,
  ],
  sizeBytes: 548,
});

/** A cheap board: its UUID was never set. */
export const PXE_PC_NO_UUID = packet({
  name: "PXE ROM of a PC without a UUID",
  mac: "00:e0:4c:68:00:01",
  xid: "00123457",
  flags: "8000",
  options: [DISCOVER, ARCHITECTURE_PC, UNDI, `61 11 00 ${"00".repeat(16)}`, PXE_CLASS],
  sizeBytes: 548,
});

/** vendor class "udhcp 1.35.0", client id, 576 bytes at most */
export const UDHCPC = packet({
  name: "busybox udhcpc",
  mac: "02:00:00:00:00:07",
  xid: "56a1b2c3",
  options: [
    DISCOVER,
    "3d 07 01 02 00 00 00 00 07",
    "39 02 02 40",
    "37 07 01 03 06 0c 0f 1c 2a",
    "3c 0c 75 64 68 63 70 20 31 2e 33 35 2e 30",
  ],
  sizeBytes: 300,
});

/** vendor class "MSFT 5.0", host name "LAPTOP", Windows 11's list */
export const WINDOWS = packet({
  name: "Windows",
  mac: "3c:52:82:aa:bb:cc",
  xid: "deadbeef",
  secs: "0000",
  options: [
    DISCOVER,
    "3d 07 01 3c 52 82 aa bb cc",
    "0c 06 4c 41 50 54 4f 50",
    "3c 08 4d 53 46 54 20 35 2e 30",
    "37 0e 01 03 06 0f 1f 21 2b 2c 2e 2f 77 79 f9 fc",
  ],
  sizeBytes: 300,
});

export const PIS = [PI_3B, PI_3B_PLUS, PI_4_FIRST, PI_4_OLD, PI_4_NEW, PI_5_FIRST, PI_5] as const;
export const OTHERS = [PXE_PC, PXE_PC_NO_UUID, UDHCPC, WINDOWS] as const;
