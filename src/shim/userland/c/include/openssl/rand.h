/* The one name of OpenSSL's random numbers that open-iscsi uses, provided by chap-digests.c. */
#ifndef PINETBOOT_OPENSSL_RAND_H
#define PINETBOOT_OPENSSL_RAND_H

int RAND_bytes(unsigned char *out, int count);

#endif
