export type { BlockDevice } from "./block-device.ts";
