/*
 * A disk under one program whose syncs fail when it is told so: preloaded, it stands before fdatasync of overlays (files
 * named *.qcow2). What it does is said by files in the folder FAILING_DISK:
 *
 *   sync-eio    syncs fail with EIO
 *   sync-slow   a sync takes 300 ms
 *   syncs       one byte is added to it at each sync
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_told(const char *what) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", getenv("FAILING_DISK"), what);
  return access(path, F_OK) == 0;
}

static int is_overlay(int fd) {
  char link[64], path[4096];
  ssize_t length;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, sizeof path);
  return length > 6 && memcmp(path + length - 6, ".qcow2", 6) == 0;
}

static int fail_with(int error) {
  errno = error;
  return -1;
}

int fdatasync(int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
  char path[4096];
  int count;
  if (!is_overlay(fd)) return real(fd);
  snprintf(path, sizeof path, "%s/syncs", getenv("FAILING_DISK"));
  count = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (count < 0 || write(count, ".", 1) != 1) return fail_with(EBADF);
  close(count);
  if (is_told("sync-eio")) return fail_with(EIO);
  if (is_told("sync-slow")) usleep(300000);
  return real(fd);
}
