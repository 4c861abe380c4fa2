/*
 * What an old operating system's loader does with a disk, by the BIOS's INT 13h: boots from drive 80h, copies from there
 * to drive 81h, reads back. Everything is said on COM1 in lines that begin with "[bios]"; the end is an exit code of QEMU
 * (isa-debug-exit): 33 when all went well, 35 otherwise.
 *
 *   drive 80h   0       this program's first sector, loaded by the firmware to 0:7C00
 *               1..4    the rest of it, read by the first
 *               64..    100 sectors of the test's own
 *               1000..  their copy
 *   drive 81h   200..   their copy
 *               400..   their copy again, written after the pause
 *
 * The pause ends with any byte on COM1: there the test kills the server and starts it again.
 */
	.code16
	.global start

	.set COM1, 0x3f8
	.set EXIT_PORT, 0x501
	.set REST_SECTORS, 4
	.set COUNT, 100
	.set WORDS, COUNT * 256
	/* Segments; offsets in them are zero. */
	.set ORIGINAL, 0x1000
	.set AGAIN, 0x2000

start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $start, %sp
	sti
	cld
	ljmp $0, $at_zero
at_zero:
	movw $1, %bx
	movb $REST_SECTORS, %al
	movw $rest, %cx
	xorw %di, %di
	call lay_packet
	movb $0x80, %dl
	movb $0x42, %ah
	call disk
	jmp rest

/* An address packet: AL sectors from LBA BX, to or from DI:CX. */
lay_packet:
	movb %al, packet + 2
	movw %cx, packet + 4
	movw %di, packet + 6
	movw %bx, packet + 8
	ret

/* INT 13h function AH (42h reads, 43h writes) on drive DL with the packet; says which failed, and ends. */
disk:
	movb %ah, asked
	movw $packet, %si
	xorb %al, %al
	int $0x13
	jc failed
	ret
failed:
	movb %ah, %bl
	movw $says_failed, %si
	call say
	movb asked, %al
	call say_hex
	movb %dl, %al
	call say_hex
	movb %bl, %al
	call say_hex
	call end_line
	movb $0x11, %al
	jmp leave

/* Ends the machine with AL. */
leave:
	movw $EXIT_PORT, %dx
	outb %al, %dx
	hlt
	jmp leave

say:
	lodsb
	testb %al, %al
	jz 1f
	call say_byte
	jmp say
1:	ret

say_byte:
	pushw %dx
	pushw %ax
	movw $COM1 + 5, %dx
1:	inb %dx, %al
	testb $0x20, %al
	jz 1b
	popw %ax
	movw $COM1, %dx
	outb %al, %dx
	popw %dx
	ret

/* AL in two digits and a space. */
say_hex:
	pushw %ax
	shrb $4, %al
	call say_digit
	popw %ax
	andb $0xf, %al
	call say_digit
	movb $0x20, %al
	jmp say_byte
say_digit:
	addb $0x30, %al
	cmpb $0x3a, %al
	jb 1f
	addb $0x27, %al
1:	jmp say_byte

end_line:
	movb $13, %al
	call say_byte
	movb $10, %al
	jmp say_byte

	.balign 4
packet:
	.byte 16, 0, 0, 0
	.word 0, 0
	.quad 0
asked:	.byte 0
says_failed:
	.asciz "[bios] failed: function, drive, status "

	/* No partitions: a firmware that finds any here takes its geometry from them. */
	.org 446
	.fill 64, 1, 0
	.word 0xaa55

rest:
	movw $says_started, %si
	call say
	call end_line

	/* 100 sectors in one call. */
	movw $64, %bx
	movw $ORIGINAL, %di
	movw $0x4280, %dx
	call transfer
	movw $1000, %bx
	movw $0x4380, %dx
	call transfer
	movw $200, %bx
	movw $0x4381, %dx
	call transfer
	movw $says_copied, %si
	call say
	call end_line

	/* Read from where it was written, both ways of addressing. */
	movw $200, %bx
	call compare
	call by_cylinder
	movw $says_same, %si
	call say
	call end_line

	movw $says_waits, %si
	call say
	call end_line
	movw $COM1 + 5, %dx
1:	inb %dx, %al
	testb $1, %al
	jz 1b

	movw $400, %bx
	movw $ORIGINAL, %di
	movw $0x4381, %dx
	call transfer
	movw $200, %bx
	call compare
	movw $400, %bx
	call compare
	movw $says_done, %si
	call say
	call end_line
	movb $0x10, %al
	jmp leave

/* Function DH on drive DL: COUNT sectors at LBA BX, to or from segment DI. */
transfer:
	movb $COUNT, %al
	xorw %cx, %cx
	call lay_packet
	movb %dh, %ah
	jmp disk

/* Reads COUNT sectors at LBA BX of drive 81h and compares them with the original. */
compare:
	movw $AGAIN, %di
	movw $0x4281, %dx
	call transfer
	movw $WORDS, %cx
compare_words:
	pushw %ds
	pushw %es
	movw $ORIGINAL, %ax
	movw %ax, %ds
	movw $AGAIN, %ax
	movw %ax, %es
	xorw %si, %si
	xorw %di, %di
	repe cmpsw
	popw %es
	popw %ds
	jne different
	ret
different:
	movw $says_different, %si
	call say
	call end_line
	movb $0x11, %al
	jmp leave

/* LBA 200 of drive 81h by cylinder, head and sector (function 02h), in the geometry that function 08h tells. */
by_cylinder:
	movb $8, %ah
	movb %ah, asked
	movb $0x81, %dl
	pushw %es
	xorw %di, %di
	int $0x13
	popw %es
	jc failed
	andb $0x3f, %cl
	movb %dh, %bl
	incb %bl
	movw $200, %ax
	divb %cl
	movb %ah, %cl
	incb %cl
	xorb %ah, %ah
	divb %bl
	movb %ah, %dh
	movb %al, %ch
	movb $0x81, %dl
	pushw %es
	movw $AGAIN, %ax
	movw %ax, %es
	/* What compare left there must not be what is found. */
	xorw %di, %di
	movb $0xff, %es:(%di)
	xorw %bx, %bx
	movw $0x0201, %ax
	movb %ah, asked
	int $0x13
	popw %es
	jc failed
	movw $256, %cx
	jmp compare_words

says_started:
	.asciz "[bios] started from drive 80"
says_copied:
	.asciz "[bios] copied to drive 81"
says_same:
	.asciz "[bios] read back the same"
says_different:
	.asciz "[bios] failed: read back something else"
says_waits:
	.asciz "[bios] waits"
says_done:
	.asciz "[bios] done"

	.org 512 * (1 + REST_SECTORS)
