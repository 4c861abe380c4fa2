/** A virtual Raspberry Pi for people who have none at hand. */
export { findProgram, makeDemoImage, MKE2FS, powerOn, QEMU, type VirtualPi } from "./virtual-pi.ts";
