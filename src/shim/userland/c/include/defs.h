/* What libnl's configure step would find out. */
#define DISABLE_PTHREADS 1
#define HAVE_LITTLE_ENDIAN 1
#define SYSCONFDIR "/etc/libnl"
