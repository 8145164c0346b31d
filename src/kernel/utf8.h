/* UTF-8, and Unicode's simple mappings between cases. */
#ifndef QN_KERNEL_UTF8_H
#define QN_KERNEL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QN_UTF8_BAD UINT32_MAX

/* The character at *p, which moves behind it; QN_UTF8_BAD (and one byte) where the bytes are not UTF-8. *p < end. */
uint32_t qn_utf8_next(const char **p, const char *end);
/* 1 to 4 bytes for a character up to 0x10FFFF. */
size_t qn_utf8_put(uint32_t c, char *to);

uint32_t qn_to_lower(uint32_t c);
uint32_t qn_to_upper(uint32_t c);
bool qn_is_space(uint32_t c); /* White_Space */

#endif
