/* A vocabulary: texts to ids by a hash table, ids to texts. */
#ifndef QN_TEXT_VOCAB_H
#define QN_TEXT_VOCAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/value.h"

#define QN_HASH_START 2166136261u /* FNV-1a: hashes of beginnings come free on the way */
static inline uint32_t qn_hash_next(uint32_t h, uint8_t byte) { return (h ^ byte) * 16777619u; }

typedef struct qn_vocab_slot { uint32_t hash; int32_t id; } qn_vocab_slot; /* id −1: free */

typedef struct qn_vocab {
  qn_vocab_slot *slots; /* [mask + 1] */
  uint32_t mask;
  qn_string *texts;     /* [size], by id; data NULL: none */
  int32_t size, count;
  size_t longest;       /* bytes of the longest text */
} qn_vocab;

#define QN_MOST_IDS (1 << 24)

/* Room for `count` texts with ids below `size`, in the pool. False without memory. Both at most QN_MOST_IDS. */
bool qn_vocab_open(qn_vocab *v, qn_pool *pool, size_t count, size_t size);
/* The text stays where it is. The last of equal texts counts. At most as many as there is room for; 0 ≤ id < size. */
void qn_vocab_put(qn_vocab *v, qn_string text, int32_t id);
/* The id, or −1. */
int32_t qn_vocab_find(const qn_vocab *v, const char *text, size_t length);
/* The same with the hash of the text known. prefix: what the text in the vocabulary begins with and `text` lacks, part of the hash. */
int32_t qn_vocab_find_hashed(const qn_vocab *v, uint32_t hash, qn_string prefix, const char *text, size_t length);
/* data NULL when there is none of this id. */
static inline qn_string qn_vocab_text(const qn_vocab *v, int64_t id) { return id >= 0 && id < v->size ? v->texts[id] : (qn_string){0}; }

#endif
