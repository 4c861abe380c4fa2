/*
 * scsi-command DEVICE CDB...: sends SCSI commands without data, each CDB as bytes in hex ("1b 0 0 0 2 0"), as a
 * computer's drivers would, and prints what became of each: "good", or its sense key.
 */
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { CDB_MAX_BYTES = 16, TIMEOUT_MS = 60000 };

static int send(int device, char *text)
{
	unsigned char cdb[CDB_MAX_BYTES], sense[32] = { 0 };
	struct sg_io_hdr io = {
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_NONE,
		.cmdp = cdb,
		.mx_sb_len = sizeof(sense),
		.sbp = sense,
		.timeout = TIMEOUT_MS,
	};

	for (char *end = text; io.cmd_len < CDB_MAX_BYTES; text = end) {
		unsigned long byte = strtoul(text, &end, 16);

		if (end == text)
			break;
		cdb[io.cmd_len++] = byte;
	}
	if (ioctl(device, SG_IO, &io) < 0)
		return -1;
	if (io.status == 0 && io.host_status == 0)
		puts("good");
	else
		printf("status %x, host %x, sense key %x\n", io.status, io.host_status, sense[2] & 0xf);
	return 0;
}

int main(int argc, char **argv)
{
	int device = argc > 2 ? open(argv[1], O_RDONLY | O_NONBLOCK) : -1;

	for (int i = 2; device >= 0 && i < argc; i++)
		if (send(device, argv[i]) < 0) {
			close(device);
			device = -1;
		}
	if (device < 0) {
		perror("scsi-command");
		return 1;
	}
	return 0;
}
