/**
 * The lists of Raspberry Pi Imager (its repository's doc/json-schema/os-list-schema.json, as the address
 * os_list_imagingutility_v4.json is served). Read leniently: what is not known is passed over, one bad entry does not
 * spoil the others.
 */
import { z } from "zod";

const TEXT_MAX_CHARS = 2000;
const Text = z.string().max(TEXT_MAX_CHARS);
const Size = z.number().int().nonnegative();
const Tags = z.array(z.string().max(64)).max(100);

/** Names that we give to the entries of our own list; Imager passes over them. */
const Ours = z.object({
  /** What it is called on the command line. */
  name: z.string().max(64).optional(),
  /** Whether anybody of ours has ever fetched it. */
  fetched: z.boolean().optional(),
});

export const EntrySchema = z.object({
  name: Text.min(1),
  description: Text.optional(),
  url: Text.optional(),
  extract_size: Size.optional(),
  extract_sha256: Text.optional(),
  image_download_size: Size.optional(),
  image_download_sha256: Text.optional(),
  release_date: Text.optional(),
  init_format: Text.nullish(),
  architecture: Text.optional(),
  devices: Tags.optional(),
  subitems: z.array(z.unknown()).optional(),
  subitems_url: Text.optional(),
  pinetboot: Ours.optional(),
});
export type ListedEntry = z.infer<typeof EntrySchema>;

export const ListSchema = z.object({ os_list: z.array(z.unknown()) });
