/*
 * An iSCSI load of one kind for some seconds, over libiscsi: one thread, so many connections, each with so many
 * commands outstanding. Prints one line of JSON; latencies are microseconds from issue to status.
 *
 *   load URL read|write|idle random|sequential BLOCK_BYTES DEPTH CONNECTIONS SECONDS
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#define INITIATOR "iqn.2026-01.bench:load"
#define MAX_CONNECTIONS 1024
#define MAX_DEPTH 128
/* The first part of a run fills queues and caches and is not counted. */
#define WARM_UP_SECONDS 0.25
/* One bucket a microsecond; what takes longer than the last is counted there. */
#define BUCKETS 2000000

struct connection {
  struct iscsi_context *iscsi;
  /* Sequential loads have a region each, so that connections do not read one another's pages. */
  uint64_t first, end, next;
};

struct slot {
  struct connection *connection;
  struct scsi_iovec vector;
  double issued;
};

static struct connection connections[MAX_CONNECTIONS];
static struct slot slots[MAX_CONNECTIONS * MAX_DEPTH];
static uint32_t histogram[BUCKETS];
static uint64_t counted, outstanding, seed = 88172645463325252ULL;
static uint32_t block_bytes, sector_bytes;
static int is_write, is_random, lun;
static double count_from, stop_at;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void give_up(const char *what, struct iscsi_context *iscsi) {
  fprintf(stderr, "%s: %s\n", what, iscsi ? iscsi_get_error(iscsi) : "");
  exit(1);
}

/* xorshift: the same order of blocks in every run. */
static uint64_t any(uint64_t below) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % below;
}

static uint64_t next_block(struct connection *c) {
  if (is_random) return any(c->end);
  uint64_t block = c->next++;
  if (c->next == c->end) c->next = c->first;
  return block;
}

static void issue(struct slot *slot);

static void answered(struct iscsi_context *iscsi, int status, void *task, void *private) {
  struct slot *slot = private;
  double at = now();
  outstanding--;
  scsi_free_scsi_task(task);
  if (status != SCSI_STATUS_GOOD) give_up("a command failed", iscsi);
  if (slot->issued >= count_from && at <= stop_at) {
    double us = (at - slot->issued) * 1e6;
    histogram[us < BUCKETS - 1 ? (uint32_t)us : BUCKETS - 1]++;
    counted++;
  }
  if (at < stop_at) issue(slot);
}

static void issue(struct slot *slot) {
  struct iscsi_context *iscsi = slot->connection->iscsi;
  uint64_t lba = next_block(slot->connection) * (block_bytes / sector_bytes);
  slot->issued = now();
  struct scsi_task *task =
      is_write ? iscsi_write16_iov_task(iscsi, lun, lba, NULL, block_bytes, sector_bytes, 0, 0, 0, 0, 0,
                                        answered, slot, &slot->vector, 1)
               : iscsi_read16_iov_task(iscsi, lun, lba, block_bytes, sector_bytes, 0, 0, 0, 0, 0, answered,
                                       slot, &slot->vector, 1);
  if (!task) give_up("a command could not be sent", iscsi);
  outstanding++;
}

static uint64_t connect_one(struct connection *c, const char *text, int index) {
  c->iscsi = iscsi_create_context(INITIATOR);
  struct iscsi_url *url = c->iscsi ? iscsi_parse_full_url(c->iscsi, text) : NULL;
  if (!url) give_up("the address is wrong", c->iscsi);
  iscsi_set_targetname(c->iscsi, url->target);
  iscsi_set_session_type(c->iscsi, ISCSI_SESSION_NORMAL);
  iscsi_set_header_digest(c->iscsi, ISCSI_HEADER_DIGEST_NONE);
  iscsi_set_isid_random(c->iscsi, (getpid() * 1024 + index) & 0xffffff, 0);
  iscsi_set_noautoreconnect(c->iscsi, 1);
  lun = url->lun;
  if (iscsi_full_connect_sync(c->iscsi, url->portal, lun) != 0) give_up("no login", c->iscsi);
  iscsi_destroy_url(url);
  struct scsi_task *task = iscsi_readcapacity16_sync(c->iscsi, lun);
  struct scsi_readcapacity16 *capacity = task ? scsi_datain_unmarshall(task) : NULL;
  if (!capacity) give_up("no capacity", c->iscsi);
  sector_bytes = capacity->block_length;
  uint64_t bytes = (capacity->returned_lba + 1) * sector_bytes;
  scsi_free_scsi_task(task);
  return bytes;
}

static void serve(int count) {
  struct pollfd polled[MAX_CONNECTIONS];
  for (int i = 0; i < count; i++) {
    polled[i].fd = iscsi_get_fd(connections[i].iscsi);
    polled[i].events = iscsi_which_events(connections[i].iscsi);
  }
  if (poll(polled, count, 1000) < 0) give_up("poll", NULL);
  for (int i = 0; i < count; i++)
    if (polled[i].revents && iscsi_service(connections[i].iscsi, polled[i].revents) < 0)
      give_up("the connection broke", connections[i].iscsi);
}

static uint32_t percentile(double part) {
  uint64_t wanted = counted * part, seen = 0;
  for (uint32_t us = 0; us < BUCKETS; us++)
    if ((seen += histogram[us]) > wanted) return us;
  return BUCKETS;
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "load URL read|write|idle random|sequential BLOCK_BYTES DEPTH CONNECTIONS SECONDS\n");
    return 2;
  }
  int is_idle = strcmp(argv[2], "idle") == 0;
  is_write = strcmp(argv[2], "write") == 0;
  is_random = strcmp(argv[3], "random") == 0;
  block_bytes = atoi(argv[4]);
  int depth = atoi(argv[5]), count = atoi(argv[6]);
  double seconds = atof(argv[7]);
  if (count < 1 || count > MAX_CONNECTIONS || depth < 1 || depth > MAX_DEPTH || block_bytes == 0) return 2;

  for (int i = 0; i < count; i++) {
    struct connection *c = &connections[i];
    uint64_t blocks = connect_one(c, argv[1], i) / block_bytes;
    c->first = c->next = is_random ? 0 : blocks / count * i;
    c->end = is_random ? blocks : c->first + blocks / count;
  }
  if (is_idle) {
    printf("{}\n");
    fflush(stdout);
    usleep(seconds * 1e6);
    return 0;
  }

  unsigned char *data = malloc((size_t)count * depth * block_bytes);
  if (!data) give_up("no memory", NULL);
  for (size_t i = 0; i < (size_t)count * depth * block_bytes; i += 8) {
    uint64_t word = any(UINT64_MAX);
    memcpy(data + i, &word, 8);
  }
  count_from = now() + WARM_UP_SECONDS;
  stop_at = count_from + seconds;
  for (int i = 0; i < count * depth; i++) {
    slots[i].connection = &connections[i % count];
    slots[i].vector.iov_base = data + (size_t)i * block_bytes;
    slots[i].vector.iov_len = block_bytes;
    issue(&slots[i]);
  }
  while (outstanding > 0) serve(count);
  for (int i = 0; i < count; i++) iscsi_logout_sync(connections[i].iscsi);

  printf("{\"operations\":%llu,\"seconds\":%.3f,\"p50\":%u,\"p99\":%u}\n", (unsigned long long)counted, seconds,
         percentile(0.5), percentile(0.99));
  return 0;
}
