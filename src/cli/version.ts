/** What this program says to be; package.json says the same (a test sees to it). */
export const VERSION = "0.1.0";
