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
  description: Text.optional().catch(undefined),
  url: Text.optional().catch(undefined),
  extract_size: Size.optional().catch(undefined),
  extract_sha256: Text.optional().catch(undefined),
  image_download_size: Size.optional().catch(undefined),
  image_download_sha256: Text.optional().catch(undefined),
  release_date: Text.optional().catch(undefined),
  init_format: Text.nullish().catch(undefined),
  architecture: Text.optional().catch(undefined),
  devices: Tags.optional().catch(undefined),
  subitems: z.array(z.unknown()).optional().catch(undefined),
  subitems_url: Text.optional().catch(undefined),
  pinetboot: Ours.optional().catch(undefined),
});
export type ListedEntry = z.infer<typeof EntrySchema>;

export const ListSchema = z.object({ os_list: z.array(z.unknown()) });
