/** Makes the page's files: one script with everything in it, the style, the shell and the icon. */
import { join } from "node:path";

/** Path under the server's root -> its text. */
export type PageFiles = Readonly<Record<string, string>>;

const FOLDER = join(import.meta.dir, "../page");

/** Bundles the page from its source. Throws when it does not compile. */
export async function bundlePage(): Promise<PageFiles> {
  const result = await Bun.build({
    entrypoints: [join(FOLDER, "main.tsx")],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const [script] = result.outputs;
  if (!result.success || !script) throw new AggregateError(result.logs, "the page does not compile");
  const text = (name: string): Promise<string> => Bun.file(join(FOLDER, name)).text();
  return {
    "/": await text("index.html"),
    "/page/main.js": await script.text(),
    "/page/style.css": await text("style.css"),
    "/page/icon.svg": await text("icon.svg"),
  };
}
