import type { PxeAnswer } from "./decisions.ts";
import { DhcpDecodeError } from "./errors.ts";
import type { DhcpMessage } from "./message.ts";
import { copyOptions, makeOptions, readOption } from "./options.ts";
import { decodePxeMenu, encodePxeMenu, type PxeMenu } from "./pxe-menu.ts";

/** The options that make a reply a PXE server's: 97 as the client sent it (RFC 4578 section 2.3), 43, and 67 when named. */
export function pxeOptions(
  pxe: PxeAnswer,
  message: DhcpMessage,
  bootItem?: PxeMenu["bootItem"],
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  copyOptions(message.options, options, ["clientMachineId"]);
  const menu = bootItem === undefined ? pxe.menu : { ...pxe.menu, bootItem };
  for (const [code, value] of makeOptions({
    vendorOptions: encodePxeMenu(menu),
    ...(pxe.bootFile === undefined ? {} : { bootFileName: pxe.bootFile }),
  }))
    options.set(code, value);
  return options;
}

/** The menu entry that a client names when it asks a boot server; the server says it back (PXE 2.1, section 2.2.4). */
export function chosenBootItem(message: DhcpMessage): PxeMenu["bootItem"] {
  const bytes = readOption(message.options, "vendorOptions");
  if (bytes === undefined) return undefined;
  try {
    return decodePxeMenu(bytes).bootItem;
  } catch (error) {
    // Option 43 may follow another vendor's rules: then no entry has been chosen.
    if (error instanceof DhcpDecodeError) return undefined;
    throw error;
  }
}
