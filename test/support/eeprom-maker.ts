/** EEPROM images for tests, laid out as Raspberry Pi's are: code, then files each in a sector, padding between. No real one is here. */

const SECTOR_BYTES = 4096;
export const CONF_2711 = "[all]\nBOOT_UART=0\nWAKE_ON_GPIO=1\nPOWER_OFF_ON_HALT=0\nBOOT_ORDER=0xf41\n";

export interface EepromParts {
  readonly sizeBytes?: number;
  readonly bootconf?: string;
  /** Files before bootconf.txt, each in a sector of its own. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** A file behind bootconf.txt; by default it is the last. */
  readonly behind?: boolean;
}

/** Makes an image; code of odd lengths first, so that alignment counts. */
export function makeEeprom({
  sizeBytes = 512 * 1024,
  bootconf = CONF_2711,
  files = {},
  behind = false,
}: EepromParts = {}): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(0xff);
  const view = new DataView(bytes.buffer);
  const header = (at: number, magic: number, length: number): void => {
    view.setUint32(at, magic);
    view.setUint32(at + 4, length);
  };
  let at = 0;
  for (const [magic, length] of [
    [0x55aaf00f, 3001],
    [0x55aaf22f, 20_003],
  ] as const) {
    header(at, magic, length);
    bytes.fill(0x5a, at + 8, at + 8 + length);
    at = Math.ceil((at + 8 + length) / 8) * 8;
  }
  const pad = (): void => {
    const end = Math.ceil((at + 8) / SECTOR_BYTES) * SECTOR_BYTES;
    header(at, 0x55aafeef, end - at - 8);
    at = end;
  };
  const file = (name: string, content: Uint8Array): void => {
    header(at, 0x55aaf11f, content.length + 16);
    bytes.fill(0, at + 8, at + 24);
    bytes.set(Buffer.from(name, "latin1"), at + 8);
    bytes.set([1, 2, 3, 4], at + 20);
    bytes.set(content, at + 24);
    at = Math.ceil((at + 24 + content.length) / 8) * 8;
  };
  for (const [name, content] of Object.entries(files)) {
    pad();
    file(name, content);
  }
  pad();
  file("bootconf.txt", Buffer.from(bootconf));
  if (behind) {
    pad();
    file("cacert.der", Buffer.from("behind"));
  }
  // The bootloader's scratch page.
  bytes.fill(0x11, sizeBytes - SECTOR_BYTES);
  return bytes;
}
