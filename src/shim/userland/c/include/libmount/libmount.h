/* open-iscsi includes libmount in files that call nothing of it; what does call it is in absent-features.c. */
#ifndef PINETBOOT_LIBMOUNT_H
#define PINETBOOT_LIBMOUNT_H
#endif
