/**
 * What the boot endpoint tells a shim: lines of `key=value`, the value raw to the end of its line.
 *
 *   state=ready            | waiting | refused
 *   clock=1764000000         Unix seconds: a Pi has no clock of its own
 *   server=laptop            the name of this computer
 *   message=...              words for the Pi's screen
 *   choose=...               where to choose an image, while nobody has
 *   do=blink | reboot        what a person asks of this Pi now; absent when nobody asks anything
 *   iscsi.ip= iscsi.port= iscsi.target= iscsi.lun= iscsi.mode= iscsi.initiator= iscsi.username= iscsi.password=
 *   image=raspios            its name, which the computer at the USB port sees in mode usb
 *   usb.readonly=1           mode usb: the computer at the USB port cannot write
 */

import type { PiOrder } from "./orders.ts";

export interface IscsiParameters {
  readonly ip: string;
  readonly port: number;
  readonly target: string;
  readonly lun: number;
  readonly mode: string;
  readonly initiator: string;
  readonly username: string;
  readonly password: string;
}

export interface BootParameters {
  readonly state: "ready" | "waiting" | "refused";
  readonly clockSeconds: number;
  readonly server: string;
  readonly message: string;
  /** Where to choose an image for this Pi, while nobody has. */
  readonly choose?: string;
  readonly order?: PiOrder;
  readonly iscsi?: IscsiParameters;
  /** Name of the image, for people. */
  readonly image?: string;
  readonly usbReadOnly?: boolean;
}

/** Renders the answer. Line ends inside a value would forge a key, so they become spaces. */
export function renderParameters({
  state,
  clockSeconds,
  server,
  message,
  choose,
  order,
  iscsi,
  image,
  usbReadOnly,
}: BootParameters): string {
  const pairs: [string, string | number][] = [
    ["state", state],
    ["clock", clockSeconds],
    ["server", server],
    ["message", message],
    ...(choose === undefined ? [] : [["choose", choose] satisfies [string, string]]),
    ...(order === undefined ? [] : [["do", order] satisfies [string, string]]),
    ...Object.entries(iscsi ?? {}).map(([key, value]): [string, string | number] => [`iscsi.${key}`, value]),
    ...(image === undefined ? [] : [["image", image] satisfies [string, string]]),
    ...(usbReadOnly ? [["usb.readonly", 1] satisfies [string, number]] : []),
  ];
  return pairs.map(([key, value]) => `${key}=${String(value).replace(/[\r\n]+/g, " ")}\n`).join("");
}
