/** The programs of mode kexec, ours, and zstd's decoder for kernels and modules that are packed with it. */
import { OUR_FLAGS, THEIR_FLAGS, type CodeRow } from "./code-row.ts";

/** What our own programs of mode kexec have in common, and what each adds. */
const KEXEC_TREE_SOURCES = [
  "kexec/kexec-tree.c",
  "kexec/tree.c",
  "kexec/overlay.c",
  "kexec/parameter.c",
  "kexec/firmware.c",
] as const;
const KEXEC_LOAD_SOURCES = ["kexec/kexec-load.c", "kexec/tree.c", "kexec/image.c", "kexec/memory.c"] as const;

/** zstd's decoder alone, the small one of each choice, without formats of before 1.0. */
const ZSTD_DEFINES = [
  "-DXXH_NAMESPACE=ZSTD_",
  "-DZSTD_LEGACY_SUPPORT=0",
  "-DHUF_FORCE_DECOMPRESS_X1",
  "-DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT",
  "-DZSTD_NO_INLINE",
  "-DZSTD_NO_INTRINSICS",
  "-DZSTD_STRIP_ERROR_STRINGS",
  "-DZSTD_DISABLE_ASM",
  "-DDYNAMIC_BMI2=0",
] as const;

/** Below zstd's source folder. */
const ZSTD_SOURCES = [
  "lib/common/entropy_common.c",
  "lib/common/error_private.c",
  "lib/common/fse_decompress.c",
  "lib/common/xxhash.c",
  "lib/common/zstd_common.c",
  "lib/decompress/huf_decompress.c",
  "lib/decompress/zstd_ddict.c",
  "lib/decompress/zstd_decompress.c",
  "lib/decompress/zstd_decompress_block.c",
] as const;

const INCLUDES = ["ours/include", "libzstd/lib"] as const;

export const KEXEC_TREE: readonly CodeRow[] = [
  { from: "ours", files: KEXEC_TREE_SOURCES, includes: INCLUDES, flags: OUR_FLAGS },
];

export const KEXEC_LOAD: readonly CodeRow[] = [
  { from: "ours", files: KEXEC_LOAD_SOURCES, includes: INCLUDES, flags: OUR_FLAGS },
];

export const UNZSTD: readonly CodeRow[] = [
  { from: "ours", files: ["kexec/unzstd.c"], includes: INCLUDES, flags: OUR_FLAGS },
  {
    from: "libzstd",
    files: ZSTD_SOURCES,
    includes: ["libzstd/lib"],
    flags: [...ZSTD_DEFINES, ...THEIR_FLAGS],
  },
];
