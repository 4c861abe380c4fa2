import { join } from "node:path";
import { openBundle, type ShimBundle } from "./bundle/bundle.ts";
import { buildShim } from "./build-shim.ts";
import { currentLock } from "./debian/lock-file.ts";
import { findCurrentShim } from "./find-shim.ts";
import type { OnShimProgress, ShimProgress } from "./progress.ts";
import { shimsDir } from "./shim-cache.ts";
import { takeFileLock } from "./support/file-lock.ts";

export interface EnsureShimOptions {
  /** `$XDG_CACHE_HOME/pinetboot`. */
  readonly cacheDir: string;
  /** Called often, also with the progress of another process that is building already. */
  readonly onProgress?: OnShimProgress;
  /** A sentence each, e.g. when the mirror no longer has the locked version. */
  readonly onWarning?: (text: string) => void;
  /** Lets apt install a missing toolchain; needs root. Default false. */
  readonly allowInstall?: boolean;
  /** Ends the build with ShimError "cancelled"; what is compiled so far is kept for the next one. */
  readonly signal?: AbortSignal | undefined;
  /** The builder itself, for tests of what stands around it. */
  readonly build?: typeof buildShim;
}

/** How often the progress is written down for other processes. */
const NOTE_MS = 1000;

/**
 * The shim, built first when it is not there: about 12 minutes on two cores, half a minute when only the
 * initramfs has changed. Processes that ask at the same time wait for the one that builds.
 *
 * @throws ShimError whose `fix`, where there is one, is a command or a step for the person
 */
export async function ensureShim(options: EnsureShimOptions): Promise<ShimBundle> {
  const { cacheDir, signal } = options;
  const ready = await findCurrentShim(cacheDir);
  if (ready) return ready;
  const onProgress = options.onProgress ?? (() => undefined);
  const lock = await takeFileLock(join(shimsDir(cacheDir), "build.lock"), {
    signal,
    onWait: (note) => {
      if (isProgress(note?.value)) onProgress(note.value);
    },
  });
  try {
    const builtMeanwhile = await findCurrentShim(cacheDir);
    if (builtMeanwhile) return builtMeanwhile;
    let notedMs = 0;
    const tarPath = await (options.build ?? buildShim)({
      cacheDir,
      signal,
      lock: await currentLock(cacheDir),
      allowInstall: options.allowInstall ?? false,
      onWarning: options.onWarning ?? (() => undefined),
      onProgress: (progress) => {
        onProgress(progress);
        if (Date.now() - notedMs < NOTE_MS) return;
        notedMs = Date.now();
        lock.note(progress);
      },
    });
    return await openBundle(tarPath);
  } finally {
    await lock.release();
  }
}

function isProgress(value: unknown): value is ShimProgress {
  return typeof value === "object" && value !== null && "step" in value && "fraction" in value;
}
