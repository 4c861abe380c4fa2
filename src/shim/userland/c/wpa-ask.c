/*
 * wpa-ask ROOT SOCKET COMMAND: asks the wpa_supplicant that runs with ROOT as its root directory through its control
 * socket, a path inside ROOT, and prints the answer.
 *
 * One datagram there, one back (hostap's documentation, "Control interface"). Ends with 1 when nobody answers in time.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The list of networks seen is the longest answer: wpa_supplicant cuts it at 4 KiB. */
enum { ANSWER_BYTES = 4096, PATIENCE_SECONDS = 5, EXIT_NO_ANSWER = 1, EXIT_USAGE = 2 };

static int no_answer(const char *what)
{
	perror(what);
	return EXIT_NO_ANSWER;
}

static int ask(int file, const struct sockaddr_un *there, const char *command)
{
	static char answer[ANSWER_BYTES];
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	ssize_t length;

	if (setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    connect(file, (const struct sockaddr *)there, sizeof(*there)) != 0 ||
	    send(file, command, strlen(command), 0) < 0)
		return no_answer(there->sun_path);
	length = recv(file, answer, sizeof(answer), 0);
	if (length < 0)
		return no_answer(there->sun_path);
	return fwrite(answer, 1, (size_t)length, stdout) == (size_t)length ? 0 : no_answer("stdout");
}

int main(int argc, char **argv)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	int file, result;

	if (argc != 4 || strlen(argv[2]) >= sizeof(there.sun_path)) {
		fputs("wpa-ask ROOT SOCKET COMMAND\n", stderr);
		return EXIT_USAGE;
	}
	/* It answers to the name of our socket, which it must find there too. */
	if (chroot(argv[1]) != 0 || chdir("/") != 0)
		return no_answer(argv[1]);
	strcpy(there.sun_path, argv[2]);
	/* The answer goes to a name: a socket without one is not answered. */
	snprintf(here.sun_path, sizeof(here.sun_path), "/run/wpa-ask.%d", (int)getpid());
	file = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (file < 0 || bind(file, (const struct sockaddr *)&here, sizeof(here)) != 0)
		return no_answer(here.sun_path);
	result = ask(file, &there, argv[3]);
	unlink(here.sun_path);
	return result;
}
