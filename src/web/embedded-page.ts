/**
 * The page's files inside the compiled binary. There are none when the program runs from its source:
 * build.ts puts a module in this one's place that holds them.
 */
export const embeddedPage: Readonly<Record<string, string>> | undefined = undefined;
