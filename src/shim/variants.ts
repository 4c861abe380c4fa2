/** The two shims that come from one compile; they differ in the initramfs that the kernel embeds. */

export interface VariantRow {
  readonly name: "ethernet" | "wifi";
  /** The kernel's name in the bundle; in a boot tree it is always `Image.gz`. */
  readonly image: string;
  /** What a Pi can fetch and unpack without testing anyone's patience; also the project's promise. */
  readonly imageMaxBytes: number;
}

export const VARIANTS = [
  { name: "ethernet", image: "Image.gz", imageMaxBytes: 6_500_000 },
  { name: "wifi", image: "Image-wifi.gz", imageMaxBytes: 9_000_000 },
] as const satisfies readonly VariantRow[];

export type ShimVariant = (typeof VARIANTS)[number]["name"];

export const SHIM_VARIANTS = [VARIANTS[0].name, VARIANTS[1].name] as const;

/** The row of a variant. */
export function variantRow(name: ShimVariant): VariantRow {
  const row = VARIANTS.find((each) => each.name === name);
  if (row === undefined) throw new RangeError(`no such variant: ${name}`);
  return row;
}
