/**
 * The Raspberry Pis that the emulator can be, as rows. What is known of real ones comes from documentation, published
 * EEPROM images and public logs; where laboratories disagree there are two rows instead of one rule.
 */

/** Which option 97 a loader sends (17 bytes: a zero, then sixteen). */
export type MachineId = "constant" | "serial-times-four" | "fourcc-old" | "fourcc";

/** How a loader asks for an address and a boot server. */
export interface DhcpShape {
  /** A fixed transaction id, or none for a random one. */
  readonly xid?: number;
  readonly parameters: readonly number[];
  readonly machineId: MachineId;
  /** True when the address offer is confirmed with a REQUEST (without option 60); Pi 3 just uses it. */
  readonly requests: boolean;
  /** Milliseconds from one DISCOVER to the next; after the last it gives up. */
  readonly retriesMs: readonly number[];
  /** The text that must stand in the PXE menu of option 43. */
  readonly menuText: string;
  /** True when any part of a menu entry may hold the text, false when it must be the entry. */
  readonly menuMatch: "whole" | "substring";
  /** True when option 66 without any PXE menu is enough to know the server. */
  readonly serverNameIsEnough: boolean;
  /** One laboratory's Pi 5 took no offer without discovery control 3 and a boot file name. */
  readonly wantsBootFileAndControl3: boolean;
  /** Some Pi 3 hang for good on a boot offer that comes sooner than this after their DISCOVER. */
  readonly hangsOnOffersWithinMs: number;
}

/** How a loader speaks TFTP. */
export interface TftpShape {
  /** Options in the order in which they are asked for. */
  readonly options: ReadonlyArray<readonly [name: "tsize" | "blksize", value: number]>;
  /** The port of the first transfer, and whether the next one takes another. */
  readonly sourcePort: number;
  readonly portStep: 0 | 1;
  /** Milliseconds from one request (or unacknowledged block) to its repetition. */
  readonly retryMs: number;
  /** How often a request is repeated before the file counts as missing or the boot fails. */
  readonly tries: number;
  /** Pi 3 takes silence for a missing file and goes on to another name; later ones stop. */
  readonly silenceMeans: "missing" | "stop";
  /** True when every read request goes out twice, a few milliseconds apart. */
  readonly asksTwice: boolean;
  /** False when the firmware is deaf to ARP during a transfer. */
  readonly answersArp: boolean;
}

export interface Loader {
  readonly name: string;
  readonly dhcp: DhcpShape;
  readonly tftp: TftpShape;
}

export type Model = "pi3b" | "pi3b-plus" | "pi4" | "pi5";

export interface Profile {
  readonly model: Model;
  /** `model` of the device tree, as the firmware writes it. */
  readonly modelText: string;
  /** The board's revision code. */
  readonly revision: number;
  /** First word of option 97 on boards that send one, in the order of 2022 and later. */
  readonly fourCc: string;
  /** Section names of config.txt that are true for this board. */
  readonly filters: readonly string[];
  /** The loaders that use the network, first to last; each asks DHCP anew. */
  readonly loaders: readonly [Loader, ...Loader[]];
}

const PXE_VENDOR_OPTIONS = [128, 129, 130, 131, 132, 133, 134, 135] as const;
const PI3_ROM_PARAMETERS = [43, 60, 67, ...PXE_VENDOR_OPTIONS, 66] as const;
const PI3_PARAMETERS = [1, 3, ...PI3_ROM_PARAMETERS] as const;
const EEPROM_PARAMETERS = [1, 3, 43, 60, 66, 67, ...PXE_VENDOR_OPTIONS] as const;
const PI3_XID = 0x26f30339;
/** The first source port of a loader; bootcode.bin counts up from it. */
const FIRST_PORT = 49152;

const PI3_DHCP: DhcpShape = {
  xid: PI3_XID,
  parameters: PI3_PARAMETERS,
  machineId: "serial-times-four",
  requests: false,
  retriesMs: [5000, 5000, 5000, 5000, 5000],
  menuText: "Raspberry Pi Boot",
  menuMatch: "substring",
  serverNameIsEnough: false,
  wantsBootFileAndControl3: false,
  hangsOnOffersWithinMs: 0,
};

const PI3_ROM_TFTP: TftpShape = {
  options: [],
  sourcePort: FIRST_PORT,
  portStep: 0,
  retryMs: 1000,
  tries: 5,
  silenceMeans: "missing",
  asksTwice: false,
  answersArp: false,
};

const PI3_FIRMWARE: Loader = {
  name: "bootcode.bin",
  dhcp: PI3_DHCP,
  tftp: {
    options: [["tsize", 0]],
    sourcePort: FIRST_PORT,
    portStep: 1,
    retryMs: 1000,
    tries: 3,
    silenceMeans: "missing",
    asksTwice: true,
    answersArp: false,
  },
};

const EEPROM_DHCP: DhcpShape = {
  parameters: EEPROM_PARAMETERS,
  machineId: "fourcc",
  requests: true,
  // DHCP_REQ_TIMEOUT 4000 within DHCP_TIMEOUT 45000.
  retriesMs: [4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000],
  menuText: "Raspberry Pi Boot",
  menuMatch: "substring",
  serverNameIsEnough: true,
  wantsBootFileAndControl3: false,
  hangsOnOffersWithinMs: 0,
};

const EEPROM_TFTP: TftpShape = {
  options: [
    ["tsize", 0],
    ["blksize", 1468],
  ],
  sourcePort: FIRST_PORT,
  portStep: 1,
  // TFTP_FILE_TIMEOUT 30000 in steps of two seconds.
  retryMs: 2000,
  tries: 15,
  silenceMeans: "stop",
  asksTwice: false,
  answersArp: true,
};

const PI3B = {
  model: "pi3b",
  modelText: "Raspberry Pi 3 Model B Rev 1.2",
  revision: 0x00a02082,
  fourCc: "",
  filters: ["pi3"],
} as const;

const PI3B_ROM_DHCP: DhcpShape = {
  ...PI3_DHCP,
  parameters: PI3_ROM_PARAMETERS,
  machineId: "constant",
  menuText: "Raspberry Pi Boot   ",
  menuMatch: "whole",
};

const PI4 = {
  model: "pi4",
  modelText: "Raspberry Pi 4 Model B Rev 1.4",
  revision: 0x00d03114,
  fourCc: "4iPR",
  filters: ["pi4"],
} as const;

const PI5 = {
  model: "pi5",
  modelText: "Raspberry Pi 5 Model B Rev 1.0",
  revision: 0x00d04170,
  fourCc: "5iPR",
  filters: ["pi5"],
} as const;

export const PROFILES = {
  pi3b: { ...PI3B, loaders: [{ name: "ROM", dhcp: PI3B_ROM_DHCP, tftp: PI3_ROM_TFTP }, PI3_FIRMWARE] },
  "pi3b-hasty": {
    ...PI3B,
    loaders: [
      { name: "ROM", dhcp: { ...PI3B_ROM_DHCP, hangsOnOffersWithinMs: 500 }, tftp: PI3_ROM_TFTP },
      PI3_FIRMWARE,
    ],
  },
  "pi3b-plus": {
    model: "pi3b-plus",
    modelText: "Raspberry Pi 3 Model B Plus Rev 1.3",
    revision: 0x00a020d3,
    fourCc: "",
    filters: ["pi3", "pi3+"],
    loaders: [{ name: "ROM", dhcp: PI3_DHCP, tftp: PI3_ROM_TFTP }, PI3_FIRMWARE],
  },
  "pi4-2019": {
    ...PI4,
    loaders: [
      {
        name: "EEPROM 2019",
        dhcp: { ...EEPROM_DHCP, machineId: "fourcc-old", retriesMs: [8000, 16000, 16000] },
        tftp: {
          ...EEPROM_TFTP,
          options: [
            ["tsize", 0],
            ["blksize", 1024],
          ],
          portStep: 0,
        },
      },
    ],
  },
  pi4: { ...PI4, loaders: [{ name: "EEPROM", dhcp: EEPROM_DHCP, tftp: EEPROM_TFTP }] },
  pi5: {
    ...PI5,
    loaders: [{ name: "EEPROM", dhcp: EEPROM_DHCP, tftp: { ...EEPROM_TFTP, tries: 1, retryMs: 30_000 } }],
  },
  "pi5-strict": {
    ...PI5,
    loaders: [
      {
        name: "EEPROM",
        dhcp: { ...EEPROM_DHCP, wantsBootFileAndControl3: true },
        tftp: { ...EEPROM_TFTP, asksTwice: true, tries: 1, retryMs: 30_000 },
      },
    ],
  },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;
