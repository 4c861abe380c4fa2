/** What a Raspberry Pi's firmware must be told over DHCP so that it boots from us. */
import type { PxeAnswer } from "dhcp4-ts";
import type { PiIdentity } from "./pi-identity.ts";

/** The Pi 3B's ROM wants the name with its three trailing spaces; later loaders look for the name inside the text. */
const MENU_ENTRY = "Raspberry Pi Boot   ";

/**
 * A Pi 3 can hang on a reply that follows its DISCOVER at once; it asks every 5 s, so a second costs it nothing.
 * Every other Pi takes what comes.
 */
const PI3_REPLY_DELAY_MS = 1000;

/** Option 43 and the boot file. The server's address (siaddr, options 54 and 66) is the DHCP package's part. */
export function piPxeAnswer(): PxeAnswer {
  return {
    menu: {
      // Neither broadcast nor multicast discovery: the answer in hand is all there is.
      discoveryControl: 3,
      prompt: { timeoutS: 0, text: "PXE" },
      menu: [{ type: 0, text: MENU_ENTRY }],
    },
    // Some Pi 5 firmware wants a name to be there; none uses it.
    bootFile: "bootcode.bin",
  };
}

/** How long to hold a reply to this Pi back, in milliseconds. */
export function piReplyDelayMs(pi: Pick<PiIdentity, "family">): number {
  return pi.family === "pi3" ? PI3_REPLY_DELAY_MS : 0;
}
