/** How our programs are compiled: data, so that it can be hashed. */

export const CROSS_COMPILER = "aarch64-linux-gnu-gcc";

/** Small above all: the whole initramfs travels by TFTP. Unwind tables would be a tenth of it. */
export const COMPILE_FLAGS = [
  "-Os",
  "-std=gnu99",
  "-ffunction-sections",
  "-fdata-sections",
  "-fno-asynchronous-unwind-tables",
  "-fno-unwind-tables",
  "-fno-stack-protector",
] as const;

/** 4 KiB pages are what our kernel has; the default of 64 KiB would be mostly holes. */
export const LINK_FLAGS = [
  "-nostdlib",
  "-static",
  "-s",
  "-Wl,--gc-sections",
  "-Wl,--build-id=none",
  "-Wl,-z,max-page-size=4096",
  "-Wl,-z,noseparate-code",
] as const;
