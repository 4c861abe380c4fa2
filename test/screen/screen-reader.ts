/** Looks at a virtual screen until it says what a test waits for, and keeps pictures for the documentation. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ConsoleFont, consoleText } from "./console-font.ts";
import type { VirtualScreen } from "./framebuffer.ts";
import { encodePng } from "./picture.ts";

/** Looking costs QEMU a copy of the screen. */
const LOOK_EVERY_MS = 250;

export class ScreenReader {
  readonly #screen: VirtualScreen;
  readonly #font: ConsoleFont;
  readonly #factor: number;

  /** `factor`: how many dots of the screen a dot of the font is wide and high. */
  constructor(screen: VirtualScreen, font: ConsoleFont, factor: number) {
    this.#screen = screen;
    this.#font = font;
    this.#factor = factor;
  }

  /** The rows of text on the screen. */
  async rows(): Promise<string[]> {
    return consoleText(this.#font, await this.#screen.picture(), this.#factor);
  }

  /**
   * Waits until the text, each run of blanks as one, matches. Rejects with what stands there when `limitMs` passes.
   * The picture is kept as NAME.png in the folder of $PINETBOOT_PICTURES, when that is set.
   */
  async waitFor(pattern: RegExp, limitMs: number, name?: string): Promise<string> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const picture = await this.#screen.picture();
      const rows = consoleText(this.#font, picture, this.#factor);
      const text = rows.join("\n").replaceAll(/\s+/g, " ");
      if (pattern.test(text)) {
        const folder = process.env["PINETBOOT_PICTURES"];
        if (folder !== undefined && name !== undefined) {
          mkdirSync(folder, { recursive: true });
          await Bun.write(join(folder, `${name}.png`), encodePng(picture));
        }
        return text;
      }
      if (performance.now() > deadline)
        throw new Error(
          `the screen did not say ${pattern} in ${limitMs / 1000} s. It says:\n${rows.join("\n")}`,
        );
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }
}
