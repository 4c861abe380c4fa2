/** Our overlays for mainline device trees, which have none of the names that Raspberry Pi's overlays expect. */
import type { Run } from "../support/run.ts";
import bcm2712d0 from "./bcm2712d0.dts" with { type: "text" };
import disableBt from "./disable-bt.dts" with { type: "text" };
import dwc2Pi5 from "./dwc2-pi5.dts" with { type: "text" };
import dwc2 from "./dwc2.dts" with { type: "text" };
import eepromSpiPi5 from "./eeprom-spi-pi5.dts" with { type: "text" };
import eepromSpi from "./eeprom-spi.dts" with { type: "text" };
import miniuartBt from "./miniuart-bt.dts" with { type: "text" };
import screenPi5 from "./screen-pi5.dts" with { type: "text" };
import screen from "./screen.dts" with { type: "text" };

export interface OverlayRow {
  /** As in `dtoverlay=name`. */
  readonly name: string;
  /** Device tree source. */
  readonly source: string;
}

export const OVERLAYS = [
  // config.txt does not name it: the firmware adds it by itself on a chip that is a D0.
  { name: "bcm2712d0", source: bcm2712d0 },
  { name: "disable-bt", source: disableBt },
  // For those who want Bluetooth and a good serial console: instead of disable-bt, in a config.txt of their own.
  { name: "miniuart-bt", source: miniuartBt },
  { name: "dwc2", source: dwc2 },
  { name: "screen", source: screen },
  { name: "screen-pi5", source: screenPi5 },
  { name: "dwc2-pi5", source: dwc2Pi5 },
  { name: "eeprom-spi", source: eepromSpi },
  { name: "eeprom-spi-pi5", source: eepromSpiPi5 },
] as const satisfies readonly OverlayRow[];

/** Compiles one overlay to `outputPath` with this `dtc`. */
export async function compileOverlay(
  run: Run,
  dtc: string,
  row: OverlayRow,
  outputPath: string,
): Promise<void> {
  await run([dtc, "-@", "-q", "-I", "dts", "-O", "dtb", "-o", outputPath, "-"], {
    input: new TextEncoder().encode(row.source),
  });
}
