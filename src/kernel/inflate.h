/* Decompression of RFC 1951 (deflate) and RFC 1950 (zlib). */
#ifndef QN_KERNEL_INFLATE_H
#define QN_KERNEL_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole zlib stream in [in_size] to exactly out_size bytes. False when it is damaged, shorter or longer. Checksums are not looked at. */
bool qn_inflate_zlib(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);

#endif
