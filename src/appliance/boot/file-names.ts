/** How a Pi's firmware names the files that it asks for. */

/** Who the prefix of a name says to be: a serial's low word, a MAC, or nobody. */
export interface RequestedFile {
  readonly prefix:
    | { readonly kind: "serial"; readonly key: string }
    | { readonly kind: "mac"; readonly mac: string }
    | { readonly kind: "none" };
  /** The name inside the tree, single slashes, none in front. */
  readonly path: string;
}

/**
 * Takes a name apart: `8d3fa2c1/config.txt` (TFTP_PREFIX=0), `dc-a6-32-01-36-c2/config.txt` (TFTP_PREFIX=2),
 * `config.txt` (no prefix), and `8d3fa2c1//config.txt` of a Pi 5, whose doubled slash means nothing.
 */
export function parseRequestedFile(name: string): RequestedFile {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  const [first = "", ...rest] = segments;
  const word = first.toLowerCase();
  if (/^[0-9a-f]{8}$/.test(word)) return { prefix: { kind: "serial", key: word }, path: rest.join("/") };
  if (/^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/.test(word))
    return { prefix: { kind: "mac", mac: word.replaceAll("-", ":") }, path: rest.join("/") };
  return { prefix: { kind: "none" }, path: segments.join("/") };
}
