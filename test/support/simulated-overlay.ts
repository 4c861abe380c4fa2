/** An overlay on simulated files: opened, killed, cut from power and opened again, all in memory. */
import { layOutOverlay, type NewOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlayFiles } from "../../src/disk/qcow2/open.ts";
import type { Overlay } from "../../src/disk/qcow2/overlay.ts";
import type { Layer } from "../../src/disk/layer.ts";
import { SimulatedFile } from "./simulated-file.ts";

export class SimulatedOverlay {
  file = new SimulatedFile("overlay");
  journal: SimulatedFile | undefined;
  /** Called wherever a kill or a loss of power can fall in either file. */
  onBoundary: () => void = () => undefined;
  #boot = 1;

  static async create(overlay: NewOverlay): Promise<SimulatedOverlay> {
    const simulated = new SimulatedOverlay();
    layOutOverlay(simulated.file, overlay);
    await simulated.file.sync();
    return simulated;
  }

  open(backing?: { name: string; layer: Layer }): Promise<Overlay> {
    return openOverlayFiles(
      {
        file: this.#watched(this.file),
        openJournal: () => this.journal,
        replaceJournal: () => {
          this.onBoundary();
          return (this.journal = this.#watched(new SimulatedFile("journal")));
        },
        bootId: this.#boot.toString(16).padStart(32, "0"),
      },
      backing ? { backing } : {},
    );
  }

  /** The two files as they are at this moment: what is done to the copy does not touch them. */
  copy(): SimulatedOverlay {
    const copy = new SimulatedOverlay();
    copy.#boot = this.#boot;
    copy.file = this.file.afterKill();
    copy.journal = this.journal?.afterKill();
    return copy;
  }

  kill(): void {
    this.file = this.file.afterKill();
    this.journal = this.journal?.afterKill();
  }

  cutPower(chance: () => number, odds: number): void {
    this.#boot += 1;
    this.file = this.file.afterPowerLoss(chance, odds);
    // The journal is never synced: whatever is left of it must not matter.
    this.journal = this.journal?.afterPowerLoss(chance, odds);
  }

  #watched(file: SimulatedFile): SimulatedFile {
    file.onBoundary = () => this.onBoundary();
    return file;
  }
}
