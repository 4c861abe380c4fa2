/** Where things lie in a data folder. */
import { join } from "node:path";

export interface FolderPaths {
  readonly database: string;
  readonly images: string;
  readonly overlays: string;
  /** Where a person puts Raspberry Pi's bootloader files. */
  readonly firmware: string;
  readonly socket: string;
  readonly lock: string;
}

export function folderPaths(dataFolder: string): FolderPaths {
  return {
    database: join(dataFolder, "pinetboot.db"),
    images: join(dataFolder, "images"),
    overlays: join(dataFolder, "overlays"),
    firmware: join(dataFolder, "firmware"),
    socket: join(dataFolder, "pinetboot.sock"),
    lock: join(dataFolder, "lock"),
  };
}
