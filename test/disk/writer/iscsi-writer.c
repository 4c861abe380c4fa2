/*
 * An initiator that writes over libiscsi until its target is gone, and notes each command in a log when it is sent and
 * again when it is answered. Commands are outstanding side by side, never two on the same sector.
 *
 *   iscsi-writer URL INITIATOR LOG MODE FIRST_NUMBER SEED SECTORS COMMANDS STAMP_FILE
 *
 * MODE is what makes writes durable: flush (now and then SYNCHRONIZE CACHE), fua (half of the writes), none, or mix.
 * Ends by itself after COMMANDS, with a logout. STAMP_FILE may be "-"; else each note carries its size at that moment.
 *
 * A note is six words of 32 bits: what it is (see below), first sector, sectors, number, stamp (low, high). A written
 * sector holds the number of its command in every word. Exit code 0: all done; 3: the connection is gone.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

enum { WRITE = 0, WRITE_FUA = 1, UNMAP = 2, SYNC = 3, BEGIN = 16, DONE = 32, REFUSED = 64 };

#define DEPTH 8
#define MAX_SECTORS 600
#define SECTOR 512

struct command {
  int busy;
  uint32_t kind, first, count, number;
  unsigned char data[MAX_SECTORS * SECTOR];
};

static struct command commands[DEPTH];
static struct iscsi_context *iscsi;
static int lun, log_fd, stamp_fd = -1;
static uint64_t seed;
static uint32_t number, sectors, left, outstanding;
static int may_flush, may_fua;

static void give_up(const char *what) {
  fprintf(stderr, "%s: %s\n", what, iscsi ? iscsi_get_error(iscsi) : "");
  exit(1);
}

/* xorshift: the same commands for the same seed. */
static uint32_t dice(uint32_t below) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (seed >> 16) % below;
}

static void note(uint32_t what, const struct command *command) {
  struct stat status;
  uint64_t stamp = stamp_fd >= 0 && fstat(stamp_fd, &status) == 0 ? (uint64_t)status.st_size : 0;
  uint32_t words[6] = {what | command->kind, command->first, command->count, command->number,
                       (uint32_t)stamp, (uint32_t)(stamp >> 32)};
  if (write(log_fd, words, sizeof words) != sizeof words) give_up("log");
}

static void answered(struct iscsi_context *context, int status, void *data, void *private_data) {
  struct command *command = private_data;
  (void)context;
  if (status == SCSI_STATUS_CANCELLED) exit(3);
  note(status == SCSI_STATUS_GOOD ? DONE : REFUSED, command);
  scsi_free_scsi_task(data);
  command->busy = 0;
  outstanding--;
}

static int is_free(uint32_t first, uint32_t count) {
  for (int i = 0; i < DEPTH; i++) {
    const struct command *other = &commands[i];
    if (other->busy && other->kind != SYNC && first < other->first + other->count && other->first < first + count)
      return 0;
  }
  return 1;
}

static void choose(struct command *command) {
  uint32_t what = dice(32);
  command->kind = may_flush && what < 2 ? SYNC : what < 5 ? UNMAP : may_fua && what % 2 ? WRITE_FUA : WRITE;
  do {
    command->first = dice(sectors);
    command->count = 1 + dice(dice(4) == 0 ? MAX_SECTORS : 16);
    if (command->count > sectors - command->first) command->count = sectors - command->first;
  } while (command->kind != SYNC && !is_free(command->first, command->count));
  if (command->kind == SYNC) command->first = command->count = 0;
  command->number = number++;
}

static void send_one(struct command *command) {
  struct unmap_list range;
  struct scsi_task *task;
  choose(command);
  command->busy = 1;
  outstanding++;
  note(BEGIN, command);
  switch (command->kind) {
  case SYNC:
    task = iscsi_synchronizecache16_task(iscsi, lun, 0, 0, 0, 0, answered, command);
    break;
  case UNMAP:
    range.lba = command->first;
    range.num = command->count;
    task = iscsi_unmap_task(iscsi, lun, 0, 0, &range, 1, answered, command);
    break;
  default:
    for (uint32_t i = 0; i < command->count * (SECTOR / 4); i++)
      memcpy(command->data + 4 * i, &command->number, 4);
    task = iscsi_write16_task(iscsi, lun, command->first, command->data, command->count * SECTOR, SECTOR, 0, 0,
                              command->kind == WRITE_FUA, 0, 0, answered, command);
  }
  if (!task) give_up("command");
}

int main(int argc, char **argv) {
  struct iscsi_url *url;
  if (argc != 10) give_up("iscsi-writer URL INITIATOR LOG MODE FIRST_NUMBER SEED SECTORS COMMANDS STAMP_FILE");
  iscsi = iscsi_create_context(argv[2]);
  url = iscsi_parse_full_url(iscsi, argv[1]);
  if (!url) give_up("url");
  log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log_fd < 0) give_up("log");
  may_flush = strcmp(argv[4], "flush") == 0 || strcmp(argv[4], "mix") == 0;
  may_fua = strcmp(argv[4], "fua") == 0 || strcmp(argv[4], "mix") == 0;
  number = strtoul(argv[5], NULL, 10);
  seed = strtoull(argv[6], NULL, 10) * 2654435761u + 88172645463325252ULL;
  sectors = strtoul(argv[7], NULL, 10);
  left = strtoul(argv[8], NULL, 10);
  if (strcmp(argv[9], "-") != 0 && (stamp_fd = open(argv[9], O_RDONLY)) < 0) give_up("stamp file");
  lun = url->lun;
  iscsi_set_targetname(iscsi, url->target);
  iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
  iscsi_set_initiator_username_pwd(iscsi, url->user, url->passwd);
  iscsi_set_noautoreconnect(iscsi, 1);
  if (iscsi_full_connect_sync(iscsi, url->portal, lun) != 0) give_up("login");
  printf("connected\n");
  fflush(stdout);
  while (left > 0 || outstanding > 0) {
    struct pollfd wait = {.fd = iscsi_get_fd(iscsi)};
    for (int i = 0; i < DEPTH && left > 0; i++)
      if (!commands[i].busy) {
        send_one(&commands[i]);
        left--;
      }
    wait.events = iscsi_which_events(iscsi);
    if (poll(&wait, 1, 1000) < 0) give_up("poll");
    if (iscsi_service(iscsi, wait.revents) < 0) return 3;
  }
  iscsi_logout_sync(iscsi);
  return 0;
}
