/** What this program says to be. */
import packageJson from "../../package.json" with { type: "json" };

export const VERSION: string = packageJson.version;
