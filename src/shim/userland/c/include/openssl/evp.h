/*
 * The few names of OpenSSL's digest interface that open-iscsi's CHAP uses, provided by chap-digests.c:
 * CHAP with MD5 and SHA-256 without a cryptography library in the initramfs.
 */
#ifndef PINETBOOT_OPENSSL_EVP_H
#define PINETBOOT_OPENSSL_EVP_H

#include <stddef.h>

typedef struct pinetboot_digest EVP_MD;
typedef struct pinetboot_digest_context EVP_MD_CTX;

const EVP_MD *EVP_md5(void);
const EVP_MD *EVP_sha1(void); /* always NULL: nobody asks for SHA-1 when SHA-256 is there */
const EVP_MD *EVP_sha256(void);

EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *digest, void *engine);
int EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t length);
int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *out, unsigned int *length);

#endif
