/*
 * kexec-load release KERNEL            says the release of a kernel Image and the size of its pages in KiB
 * kexec-load load KERNEL INITRD TREE   hands kernel, initramfs and device tree to the running kernel
 * kexec-load start                     starts them; returns only when that failed
 *
 * By kexec_load, because kexec_file_load on arm64 gives the next kernel the running kernel's own device tree.
 */
#include <errno.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image.h"
#include "memory.h"
#include "tree.h"

#define MIB (1024ull * 1024)
/* The kernel's base; it also maps its device tree by such pieces, and one must hold the whole of it. */
#define KERNEL_ALIGNMENT (2 * MIB)
#define TREE_MAX_BYTES (2 * MIB)
/* Pages of the largest kind, so that any next kernel can map what it gets. */
#define PAGE_BYTES (64 * 1024ull)
/* From its own part of memory the boot loader's CPU loop must not be driven, whatever iomem says. */
#define LOWEST (2 * MIB)
enum { SEED_BYTES = 64, KASLR_SEED_BYTES = 8 };

/*
 * What kexec jumps to, with the MMU off. arm64 kernels want the device tree's address in x0 and nothing in x1 to x3, and
 * kexec_load cannot say that itself:
 *
 *   ldr x0, tree; ldr x4, kernel; mov x1, xzr; mov x2, xzr; mov x3, xzr; br x4
 */
struct handover {
	uint32_t code[6];
	uint64_t kernel, tree;
};

static const char *kexec_error(int error)
{
	switch (error) {
	case EBUSY:
		return "the running kernel cannot take its other CPUs back (was it started with maxcpus=1?)";
	case EPERM:
		return "the running kernel forbids kexec";
	case ENOSYS:
		return "the running kernel has no kexec";
	case ENOMEM:
		return "there is not enough memory";
	default:
		return strerror(error);
	}
}

static void read_image(struct image *image, const char *path)
{
	size_t size;
	unsigned char *bytes = read_file(path, &size);

	if (!bytes)
		die("%s cannot be read", path);
	if (!image_read(image, bytes, size))
		die("%s is not a 64-bit ARM kernel", path);
}

static uint64_t place(struct memory *memory, const char *what, uint64_t size, uint64_t alignment, uint64_t least)
{
	uint64_t found;

	if (!memory_find(memory, size, alignment, least, &found))
		die("no place in memory for the %llu bytes of the %s", (unsigned long long)size, what);
	return found;
}

static void set_number(struct node *node, const char *name, uint64_t number)
{
	unsigned char bytes[8];

	put_cell(bytes, number >> 32);
	put_cell(bytes + 4, number);
	property_set(node, name, bytes, sizeof(bytes));
}

static void set_random(struct node *node, const char *name, size_t size)
{
	unsigned char bytes[SEED_BYTES];

	/* Without a seed the kernel collects its own randomness. */
	if (getrandom(bytes, size, GRND_NONBLOCK) == (ssize_t)size)
		property_set(node, name, bytes, size);
}

/* What the running kernel would have told the next one itself. */
static void complete_tree(struct tree *tree, uint64_t initrd, uint64_t initrd_size)
{
	static const char *const OF_THIS_KERNEL[] = {
		"linux,usable-memory-range", "linux,elfcorehdr", "kaslr-seed", "rng-seed",
	};
	struct node *chosen = node_add(tree->root, "chosen");

	for (size_t i = 0; i < sizeof(OF_THIS_KERNEL) / sizeof(OF_THIS_KERNEL[0]); i++)
		property_remove(chosen, OF_THIS_KERNEL[i]);
	set_number(chosen, "linux,initrd-start", initrd);
	set_number(chosen, "linux,initrd-end", initrd + initrd_size);
	set_random(chosen, "kaslr-seed", KASLR_SEED_BYTES);
	set_random(chosen, "rng-seed", SEED_BYTES);
}

static struct kexec_segment segment(const void *bytes, size_t size, uint64_t at, uint64_t room)
{
	struct kexec_segment made = {
		.buf = bytes,
		.bufsz = size,
		.mem = (const void *)at,
		.memsz = (room + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES,
	};

	return made;
}

static void load(const char *kernel, const char *initrd_path, const char *tree_path)
{
	struct memory memory = { 0 };
	struct image image;
	size_t initrd_size, tree_size;
	unsigned char *initrd = read_file(initrd_path, &initrd_size), *bytes = read_file(tree_path, &tree_size);
	struct tree *tree = bytes ? tree_read(bytes, tree_size, tree_path) : NULL;
	struct handover handover = {
		.code = { 0x58000100, 0x580000a4, 0xaa1f03e1, 0xaa1f03e2, 0xaa1f03e3, 0xd61f0080 },
	};
	uint64_t base, initrd_at, tree_at, handover_at;

	read_image(&image, kernel);
	if (!initrd || !tree)
		die("%s cannot be read", initrd ? tree_path : initrd_path);
	if (!memory_read(&memory, "/proc/iomem"))
		die("/proc/iomem names no memory");
	memory_avoid_tree(&memory, tree);
	base = place(&memory, "kernel", image.text_offset + image.size + PAGE_BYTES, KERNEL_ALIGNMENT, LOWEST);
	initrd_at = place(&memory, "initramfs", initrd_size + PAGE_BYTES, PAGE_BYTES, base);
	complete_tree(tree, initrd_at, initrd_size);
	bytes = tree_flatten(tree, &tree_size);
	if (tree_size > TREE_MAX_BYTES)
		die("the device tree is larger than a kernel takes");
	tree_at = place(&memory, "device tree", TREE_MAX_BYTES, KERNEL_ALIGNMENT, base);
	handover_at = place(&memory, "handover", PAGE_BYTES, PAGE_BYTES, base);
	handover.kernel = base + image.text_offset;
	handover.tree = tree_at;

	struct kexec_segment segments[] = {
		segment(image.bytes, image.file_size, base + image.text_offset, image.size),
		segment(initrd, initrd_size, initrd_at, initrd_size),
		segment(bytes, tree_size, tree_at, tree_size),
		segment(&handover, sizeof(handover), handover_at, sizeof(handover)),
	};
	if (syscall(SYS_kexec_load, handover_at, sizeof(segments) / sizeof(segments[0]), segments, KEXEC_ARCH_AARCH64))
		die("%s", kexec_error(errno));
}

int main(int argc, char **argv)
{
	struct image image;

	if (argc == 3 && !strcmp(argv[1], "release")) {
		char *release;

		read_image(&image, argv[2]);
		release = image_release(&image);
		if (!release)
			die("%s is a 64-bit ARM program, but not Linux", argv[2]);
		printf("%s %u\n", release, image.page_kib);
	} else if (argc == 5 && !strcmp(argv[1], "load")) {
		load(argv[2], argv[3], argv[4]);
	} else if (argc == 2 && !strcmp(argv[1], "start")) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
		die("%s", kexec_error(errno));
	} else {
		die("kexec-load release KERNEL | load KERNEL INITRD TREE | start");
	}
	return 0;
}
