/*
 * find-servers INTERFACE [SERIAL]: asks the network of an interface, which must have its address, for boot servers.
 *
 * Beside a router a boot server gives no leases, and a DHCP client believes the first server that offers one; so this
 * is a question of its own: a DHCPINFORM (RFC 2131, section 4.4.3) of vendor class "pinetboot" to everybody's port
 * 4011, where no router listens. Every answer whose option 43 names a boot endpoint is printed once, as
 * "ADDRESS:PORT NAME". Ends with 1 when nobody has answered.
 *
 *   option 43, asked:      03 | length | serial number, text
 *   option 43, answered:   01 | length | ADDRESS:PORT, text      02 | length | name of the computer, text
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PXE_PORT = 4011, QUESTIONS = 3, QUESTION_EVERY_MS = 700 };
/* After the first answer others have this long: two servers on one network are both to be seen. */
enum { OTHERS_MS = 600 };
enum { SERVERS_MAX = 8, NAME_MAX_BYTES = 64, PACKET_BYTES = 1500 };
enum { BOOTREQUEST = 1, BOOTREPLY = 2, ETHERNET = 1, ETHERNET_BYTES = 6, DHCPACK = 5, DHCPINFORM = 8 };
enum { PAD = 0, VENDOR_OPTIONS = 43, MESSAGE_TYPE = 53, REQUEST_LIST = 55, VENDOR_CLASS = 60, END = 255 };
enum { ENDPOINT = 1, NAME = 2, SERIAL = 3 };
/* Offsets of the fixed fields: RFC 2131, section 2. */
enum { XID = 4, FLAGS = 10, CIADDR = 12, CHADDR = 28, COOKIE = 236, OPTIONS = 240 };

static const uint8_t cookie[] = { 99, 130, 83, 99 };
static const char vendor_class[] = "pinetboot";

struct text {
	char bytes[NAME_MAX_BYTES + 1];
};

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static uint8_t *option(uint8_t *at, uint8_t code, const void *value, size_t length)
{
	*at++ = code;
	*at++ = (uint8_t)length;
	memcpy(at, value, length);
	return at + length;
}

static size_t write_question(uint8_t *packet, uint32_t xid, const uint8_t *mac, struct in_addr own, const char *serial)
{
	const uint8_t type = DHCPINFORM, wanted = VENDOR_OPTIONS;
	uint8_t vendor[2 + NAME_MAX_BYTES];
	uint8_t *at = packet + OPTIONS;

	memset(packet, 0, PACKET_BYTES);
	packet[0] = BOOTREQUEST;
	packet[1] = ETHERNET;
	packet[2] = ETHERNET_BYTES;
	memcpy(packet + XID, &xid, sizeof(xid));
	memcpy(packet + CIADDR, &own, sizeof(own));
	memcpy(packet + CHADDR, mac, ETHERNET_BYTES);
	memcpy(packet + COOKIE, cookie, sizeof(cookie));
	at = option(at, MESSAGE_TYPE, &type, 1);
	at = option(at, VENDOR_CLASS, vendor_class, sizeof(vendor_class) - 1);
	at = option(at, REQUEST_LIST, &wanted, 1);
	if (serial[0] != '\0' && strlen(serial) <= NAME_MAX_BYTES)
		at = option(at, VENDOR_OPTIONS, vendor, (size_t)(option(vendor, SERIAL, serial, strlen(serial)) - vendor));
	*at++ = END;
	return (size_t)(at - packet);
}

/* The value of an option among those of a packet or of option 43; NULL when it is absent or cut short. */
static const uint8_t *find(const uint8_t *at, const uint8_t *end, uint8_t code, size_t *length)
{
	while (at < end && *at != END) {
		if (*at == PAD) {
			at++;
			continue;
		}
		if (end - at < 2 || end - at - 2 < at[1])
			return NULL;
		if (*at == code) {
			*length = at[1];
			return at + 2;
		}
		at += 2 + at[1];
	}
	return NULL;
}

/* Only letters that can do no harm on a console or in a shell's word. */
static int copy_text(struct text *to, const uint8_t *from, size_t length)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:";

	if (from == NULL || length == 0 || length > NAME_MAX_BYTES)
		return 0;
	memcpy(to->bytes, from, length);
	to->bytes[length] = '\0';
	return strspn(to->bytes, allowed) == length;
}

static int read_answer(const uint8_t *packet, size_t size, uint32_t xid, struct text *endpoint, struct text *name)
{
	const uint8_t *type, *vendor, *value, *end = packet + size;
	size_t length, vendor_length;

	if (size < OPTIONS || packet[0] != BOOTREPLY || memcmp(packet + XID, &xid, sizeof(xid)) != 0 ||
	    memcmp(packet + COOKIE, cookie, sizeof(cookie)) != 0)
		return 0;
	type = find(packet + OPTIONS, end, MESSAGE_TYPE, &length);
	vendor = find(packet + OPTIONS, end, VENDOR_OPTIONS, &vendor_length);
	if (type == NULL || length != 1 || *type != DHCPACK || vendor == NULL)
		return 0;
	value = find(vendor, vendor + vendor_length, ENDPOINT, &length);
	if (!copy_text(endpoint, value, length))
		return 0;
	value = find(vendor, vendor + vendor_length, NAME, &length);
	if (!copy_text(name, value, length))
		strcpy(name->bytes, "-");
	return 1;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* A socket on the interface's address, which the answers come back to; fills in who asks. */
static int open_socket(const char *interface, uint8_t *mac, struct in_addr *own)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	struct ifreq request;
	const int on = 1;
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (file < 0)
		fail("socket");
	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(file, SIOCGIFHWADDR, &request) != 0)
		fail(interface);
	memcpy(mac, request.ifr_hwaddr.sa_data, ETHERNET_BYTES);
	if (ioctl(file, SIOCGIFADDR, &request) != 0)
		fail(interface);
	memcpy(own, &((struct sockaddr_in *)(void *)&request.ifr_addr)->sin_addr, sizeof(*own));
	here.sin_addr = *own;
	if (setsockopt(file, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ||
	    setsockopt(file, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) != 0 ||
	    bind(file, (const struct sockaddr *)&here, sizeof(here)) != 0)
		fail(interface);
	return file;
}

/* Prints a server unless it has been. */
static void print_new(struct text *seen, int *count, const struct text *endpoint, const struct text *name)
{
	for (int i = 0; i < *count; i++)
		if (strcmp(seen[i].bytes, endpoint->bytes) == 0)
			return;
	if (*count == SERVERS_MAX)
		return;
	seen[(*count)++] = *endpoint;
	printf("%s %s\n", endpoint->bytes, name->bytes);
}

int main(int argc, char **argv)
{
	const struct sockaddr_in all = {
		.sin_family = AF_INET,
		.sin_port = htons(PXE_PORT),
		.sin_addr = { .s_addr = htonl(INADDR_BROADCAST) },
	};
	uint8_t packet[PACKET_BYTES], mac[ETHERNET_BYTES];
	struct text seen[SERVERS_MAX], endpoint, name;
	struct in_addr own;
	uint32_t xid;
	int file, count = 0, asked = 0;
	long next, end;

	if (argc < 2 || argc > 3) {
		fputs("find-servers INTERFACE [SERIAL]\n", stderr);
		return 2;
	}
	file = open_socket(argv[1], mac, &own);
	if (getrandom(&xid, sizeof(xid), 0) != (ssize_t)sizeof(xid))
		fail("getrandom");
	next = now_ms();
	end = next + (long)QUESTIONS * QUESTION_EVERY_MS;
	while (now_ms() < end) {
		struct pollfd wait = { .fd = file, .events = POLLIN };
		long until = end;
		ssize_t size;

		if (asked < QUESTIONS && count == 0) {
			if (now_ms() >= next) {
				size_t length = write_question(packet, xid, mac, own, argc == 3 ? argv[2] : "");

				if (sendto(file, packet, length, 0, (const struct sockaddr *)&all, sizeof(all)) < 0)
					fail("sendto");
				asked++;
				next += QUESTION_EVERY_MS;
			}
			if (next < until)
				until = next;
		}
		until -= now_ms();
		if (poll(&wait, 1, until < 0 ? 0 : (int)until) < 0 && errno != EINTR)
			fail("poll");
		if (!(wait.revents & POLLIN))
			continue;
		size = recv(file, packet, sizeof(packet), MSG_DONTWAIT);
		if (size < 0 || !read_answer(packet, (size_t)size, xid, &endpoint, &name))
			continue;
		if (count == 0)
			end = now_ms() + OTHERS_MS;
		print_new(seen, &count, &endpoint, &name);
	}
	return count == 0;
}
