/**
 * Path of the bundle inside the compiled binary. There is none when the program runs from its source:
 * build.ts puts a module in this one's place that imports the tar as a file.
 */
export const embeddedShimPath: string | undefined = undefined;
