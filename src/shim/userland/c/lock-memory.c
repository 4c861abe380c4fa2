/*
 * Linked into programs that the root disk hangs on, and that do not do so themselves: all their memory stays in memory.
 * A page of theirs that was swapped to the disk could be read again only through the network that they keep.
 */
#include <stdio.h>
#include <sys/mman.h>

__attribute__((constructor)) static void lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		perror("mlockall");
}
