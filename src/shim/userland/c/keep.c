/*
 * keep NAME LOG ROOT PROGRAM [ARGUMENT...]: starts a program that must live as long as the root disk does.
 *
 * It becomes PROGRAM, in its own session, with ROOT as its root directory, so that nothing of it lies on the disk that
 * it keeps alive; with NAME as argv[0], which begins with '@' so that systemd spares it at shutdown
 * (https://systemd.io/ROOT_STORAGE_DAEMONS); and with the out-of-memory killer told to choose others.
 * LOG is the file, inside ROOT, that takes its output.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_ARGUMENT = 4, EXIT_FAILED = 111 };

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILED);
}

static void never_killed_for_memory(void)
{
	static const char least[] = "-1000";
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, least, sizeof(least) - 1) < 0)
		perror("keep: oom_score_adj");
	if (file >= 0)
		close(file);
}

static void open_as(int wanted, const char *path, int flags)
{
	int file = open(path, flags);

	if (file < 0)
		fail(path);
	if (file != wanted) {
		if (dup2(file, wanted) < 0)
			fail(path);
		close(file);
	}
}

int main(int argc, char **argv)
{
	const char *program;

	if (argc <= FIRST_ARGUMENT) {
		fputs("keep NAME LOG ROOT PROGRAM [ARGUMENT...]\n", stderr);
		return EXIT_FAILED;
	}
	never_killed_for_memory();
	if (chroot(argv[3]) != 0 || chdir("/") != 0)
		fail(argv[3]);
	/* Fails only for the leader of a process group, which then has a session of its own already. */
	(void)setsid();
	open_as(STDIN_FILENO, "/dev/null", O_RDONLY);
	open_as(STDOUT_FILENO, argv[2], O_WRONLY);
	open_as(STDERR_FILENO, argv[2], O_WRONLY);
	program = argv[FIRST_ARGUMENT];
	argv[FIRST_ARGUMENT] = argv[1];
	execv(program, argv + FIRST_ARGUMENT);
	fail(program);
}
