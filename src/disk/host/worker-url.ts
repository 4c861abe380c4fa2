/**
 * Where a Worker's module is. In the compiled binary every module has the binary's own URL, and a Worker is found by its
 * path from the root of the repository (it is an entry point of the build); from source it is found beside this file.
 *
 * @param path from the root of the repository: "src/images/import/worker.ts"
 */
export function workerUrl(path: string): string {
  return isCompiled() ? `./${path}` : new URL(`../../../${path}`, import.meta.url).href;
}

/** True in the compiled binary, false when the program runs from source. */
export function isCompiled(): boolean {
  return import.meta.url.includes("/$bunfs/") || import.meta.url.includes("~BUN");
}
