/** Unpacks the one disk image of a zip archive. Nothing is written under a name of the archive. */
import { crc32 } from "node:zlib";
import type { HostFile } from "../../../disk/host/file.ts";
import type { Bytes } from "../content.ts";
import { badArchive, decompress, type StreamFormat } from "../decompress.ts";
import { ImageError } from "../../image-error.ts";
import { dataOffset, type Member, readDirectory } from "./directory.ts";

/** Compression methods (APPNOTE 4.4.5) and how they are unpacked. */
const METHODS: readonly { readonly method: number; readonly format: StreamFormat | "stored" }[] = [
  { method: 0, format: "stored" },
  { method: 8, format: "deflate" },
  { method: 12, format: "bzip2" },
  { method: 93, format: "zstd" },
  { method: 95, format: "xz" },
];

const IMAGE_ENDING = /\.(?:img|iso|raw|bin|wic|dd)$/i;
/** What macOS adds beside each file. */
const RESOURCE_FORK = /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$)/;
/** A path that leads out of a folder, on any system. */
const PATH_TRICK = /^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\\|\0/;
const NAMES_SHOWN = 5;

/** The content of the image in the archive. `read` gives a part of the file. Throws "bad-archive" or "unknown-format". */
export async function* unzip(
  file: HostFile,
  read: (offset: number, length: number) => Bytes,
): AsyncGenerator<Uint8Array> {
  const member = chooseMember(readDirectory(file));
  const packed = read(dataOffset(file, member), member.packedBytes);
  const format = METHODS.find(({ method }) => method === member.method)?.format;
  if (!format) throw badArchive("zip", `it is packed by method ${member.method}, which is not known`);
  let contentBytes = 0;
  let checksum = 0;
  for await (const chunk of format === "stored" ? packed : decompress(format, packed)) {
    contentBytes += chunk.byteLength;
    if (contentBytes > member.contentBytes) throw lied(member);
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (contentBytes !== member.contentBytes) throw lied(member);
  if (checksum >>> 0 !== member.crc32) throw badArchive("zip", "its checksum is wrong");
}

/** The member that is the disk image. Throws when none is, or several could be, or the archive plays tricks. */
function chooseMember(members: readonly Member[]): Member {
  for (const { name, isLink, encrypted } of members) {
    const shown = JSON.stringify(name.slice(0, 100));
    if (PATH_TRICK.test(name)) throw refused(`a name in it leads out of its folder: ${shown}`);
    if (isLink) throw refused(`it holds a symbolic link: ${shown}`);
    if (encrypted) throw refused("it is encrypted");
  }
  const files = members.filter(({ name, isFolder }) => !isFolder && !RESOURCE_FORK.test(name));
  const images = files.filter(({ name }) => IMAGE_ENDING.test(name));
  const [chosen, ...others] = files.length === 1 ? files : images;
  if (chosen && others.length === 0) return chosen;
  const names = (images.length > 0 ? images : files)
    .slice(0, NAMES_SHOWN)
    .map(({ name }) => JSON.stringify(name.slice(0, 60)));
  throw new ImageError(
    "unknown-format",
    files.length === 0
      ? "there is no file in the zip archive"
      : `the zip archive holds ${images.length === 0 ? "no disk image" : "several disk images"}: ${names.join(", ")}`,
    "Unpack it, and import the image that you mean.",
  );
}

function lied(member: Member): ImageError {
  return badArchive("zip", `it says that the image has ${member.contentBytes} bytes, and that is not so`);
}

function refused(reason: string): ImageError {
  return badArchive("zip", reason, undefined, "Unpack it, look at what is in it, and import the image.");
}
