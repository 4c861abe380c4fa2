/*
 * A program of the disk's own EFI partition, started by the firmware from a SAN drive: reads a file that lies beside it
 * and writes another, through the firmware's FAT driver, and copies whole blocks through its Block I/O. It speaks on
 * COM1 in lines that begin with "[uefi]", and ends with an exit code of QEMU (isa-debug-exit): 33 when all went well, 35
 * otherwise.
 *
 *   \in.txt    what to read           block FROM, of the whole disk    what to copy
 *   \out.txt   its copy, made here    block TO                         its copy
 *
 * Between files and blocks it waits for any byte on COM1: there the test kills the server and starts it again.
 * Only the members of UEFI's tables that are used have a type; the others are there for their size.
 */
#include <stddef.h>
#include <stdint.h>

#define COM1 0x3f8
#define EXIT_PORT 0x501
#define FROM 40000
#define TO 40100
#define BLOCKS 64
#define BLOCK 512
#define FILE_MAX 65536
#define HANDLES_MAX 32
#define TPL_HIGHEST 31
#define EFIAPI __attribute__((ms_abi))

typedef uint64_t efi_status;
typedef void *efi_handle;

typedef struct {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
} efi_guid;

typedef struct efi_file {
	uint64_t revision;
	efi_status(EFIAPI *open)(struct efi_file *, struct efi_file **, const uint16_t *, uint64_t mode, uint64_t attributes);
	efi_status(EFIAPI *close)(struct efi_file *);
	void *delete_file;
	efi_status(EFIAPI *read)(struct efi_file *, uint64_t *, void *);
	efi_status(EFIAPI *write)(struct efi_file *, uint64_t *, const void *);
	void *others[4];
	efi_status(EFIAPI *flush)(struct efi_file *);
} efi_file;

typedef struct efi_volume {
	uint64_t revision;
	efi_status(EFIAPI *open)(struct efi_volume *, efi_file **);
} efi_volume;

typedef struct {
	uint32_t media_id;
	uint8_t removable, present, logical_partition, read_only, write_caching, padding[3];
	uint32_t block_size, io_align, padding2;
	uint64_t last_block;
} efi_media;

typedef struct efi_block_io {
	uint64_t revision;
	efi_media *media;
	void *reset;
	efi_status(EFIAPI *read)(struct efi_block_io *, uint32_t media, uint64_t lba, uint64_t bytes, void *);
	efi_status(EFIAPI *write)(struct efi_block_io *, uint32_t media, uint64_t lba, uint64_t bytes, const void *);
	efi_status(EFIAPI *flush)(struct efi_block_io *);
} efi_block_io;

typedef struct {
	uint8_t header[24];
	uint64_t(EFIAPI *raise_tpl)(uint64_t);
	void(EFIAPI *restore_tpl)(uint64_t);
	void *before_handle_protocol[14];
	efi_status(EFIAPI *handle_protocol)(efi_handle, const efi_guid *, void **);
	void *between[2];
	efi_status(EFIAPI *locate_handle)(uint32_t how, const efi_guid *, void *key, uint64_t *bytes, efi_handle *);
} efi_boot_services;

typedef struct {
	uint8_t header[24];
	void *vendor;
	uint32_t revision;
	void *consoles[6];
	void *runtime_services;
	efi_boot_services *boot;
} efi_system_table;

typedef struct {
	uint32_t revision;
	efi_handle parent;
	efi_system_table *system;
	efi_handle device;
} efi_loaded_image;

static const efi_guid LOADED_IMAGE = { 0x5b1b31a1, 0x9562, 0x11d2, { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
static const efi_guid FILE_SYSTEM = { 0x964e5b22, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
static const efi_guid BLOCK_IO = { 0x964e5b21, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };

static uint8_t buffer[FILE_MAX], again[FILE_MAX];

static void out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static uint8_t in(uint16_t port) {
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void say_byte(char byte) {
	while (!(in(COM1 + 5) & 0x20))
		;
	out(COM1, (uint8_t)byte);
}

static void say(const char *words) {
	while (*words)
		say_byte(*words++);
}

__attribute__((noreturn)) static void leave(uint8_t value) {
	out(EXIT_PORT, value);
	for (;;)
		__asm__ volatile("hlt");
}

static void need(efi_status status, const char *what) {
	if (status == 0)
		return;
	say("[uefi] failed: ");
	say(what);
	say(", status ");
	for (int shift = 60; shift >= 0; shift -= 4)
		say_byte("0123456789abcdef"[status >> shift & 15]);
	say("\r\n");
	leave(0x11);
}

static int same(const uint8_t *one, const uint8_t *other, uint64_t length) {
	for (uint64_t i = 0; i < length; i++)
		if (one[i] != other[i])
			return 0;
	return 1;
}

static void copy_file(efi_file *root) {
	efi_file *file;
	uint64_t length = FILE_MAX, written, read = FILE_MAX;

	need(root->open(root, &file, u"\\in.txt", 1, 0), "opening in.txt");
	need(file->read(file, &length, buffer), "reading in.txt");
	file->close(file);
	written = length;
	need(root->open(root, &file, u"\\out.txt", 1ull << 63 | 3, 0), "making out.txt");
	need(file->write(file, &written, buffer), "writing out.txt");
	need(file->flush(file), "flushing out.txt");
	file->close(file);
	need(root->open(root, &file, u"\\out.txt", 1, 0), "opening out.txt");
	need(file->read(file, &read, again), "reading out.txt");
	file->close(file);
	need(written != length || read != length || !same(buffer, again, length), "comparing out.txt");
	say("[uefi] copied the file\r\n");
}

/* At the highest level no timer of the firmware's runs that would read COM1 for its console. */
static void wait_for_byte(efi_boot_services *boot) {
	uint64_t before = boot->raise_tpl(TPL_HIGHEST);

	say("[uefi] waits\r\n");
	while (!(in(COM1 + 5) & 1))
		;
	in(COM1);
	boot->restore_tpl(before);
}

/* The whole disk that can be written: the firmware's own is read-only. */
static efi_block_io *find_disk(efi_boot_services *boot) {
	static efi_handle handles[HANDLES_MAX];
	uint64_t bytes = sizeof handles;
	efi_block_io *disk;

	need(boot->locate_handle(2, &BLOCK_IO, NULL, &bytes, handles), "finding disks");
	for (uint64_t i = 0; i < bytes / sizeof *handles; i++) {
		need(boot->handle_protocol(handles[i], &BLOCK_IO, (void **)&disk), "asking a disk");
		if (disk->media->present && !disk->media->logical_partition && !disk->media->read_only)
			return disk;
	}
	need(1, "finding the disk");
	return NULL;
}

static void copy_blocks(efi_block_io *disk) {
	uint32_t media = disk->media->media_id;

	need(disk->media->block_size != BLOCK || disk->media->last_block < TO + BLOCKS, "what the disk says of itself");
	need(disk->read(disk, media, FROM, BLOCKS * BLOCK, buffer), "reading blocks");
	need(disk->write(disk, media, TO, BLOCKS * BLOCK, buffer), "writing blocks");
	need(disk->flush(disk), "flushing");
	need(disk->read(disk, media, TO, BLOCKS * BLOCK, again), "reading blocks again");
	need(!same(buffer, again, BLOCKS * BLOCK), "comparing blocks");
	say("[uefi] copied the blocks\r\n");
}

efi_status EFIAPI efi_main(efi_handle self, efi_system_table *system) {
	efi_loaded_image *image;
	efi_volume *volume;
	efi_file *root;

	say("[uefi] started\r\n");
	need(system->boot->handle_protocol(self, &LOADED_IMAGE, (void **)&image), "asking who I am");
	need(system->boot->handle_protocol(image->device, &FILE_SYSTEM, (void **)&volume), "finding my file system");
	need(volume->open(volume, &root), "opening my file system");
	copy_file(root);
	wait_for_byte(system->boot);
	copy_blocks(find_disk(system->boot));
	say("[uefi] done\r\n");
	leave(0x10);
}
