/*
 * What wpa_supplicant needs of wolfSSL's cryptography and no more: hashes and AES for WPA2, the curve P-256 for WPA3.
 * No TLS, no certificates. Linking throws away what is not called.
 */
#define WOLFCRYPT_ONLY
#define SINGLE_THREADED
#define NO_FILESYSTEM
#define NO_WOLFSSL_MEMORY
#define NO_ERROR_STRINGS
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define WOLFSSL_GENERAL_ALIGNMENT 8

#define NO_ASN
#define NO_CERTS
#define NO_DES3
#define NO_DSA
#define NO_RC4
#define NO_RSA
#define NO_SIG_WRAPPER

/* Big numbers and points, which wpa_supplicant works with itself for SAE. */
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_SP_SMALL
#define SP_INT_BITS 1024
#define WOLFSSL_PUBLIC_MP
#define HAVE_ECC
#define ECC_USER_CURVES
#define HAVE_ECC256
#define HAVE_COMP_KEY
#define WOLFSSL_PUBLIC_ECC_ADD_DBL
#define ECC_TIMING_RESISTANT
#define TFM_TIMING_RESISTANT

#define HAVE_AES_ECB
#define HAVE_AES_KEYWRAP
#define WOLFSSL_AES_COUNTER
#define WOLFSSL_AES_DIRECT
#define WOLFSSL_AES_SMALL_TABLES
#define WOLFSSL_CMAC
#define HAVE_HASHDRBG
#define HAVE_PBKDF2
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define USE_SLOW_SHA
#define USE_SLOW_SHA256
#define USE_SLOW_SHA512
