/* Scaled dot-product attention over heads: softmax(scale · Q·Kᵀ + bias) · V (Vaswani et al., arXiv:1706.03762), with shared
 * key heads (GQA, arXiv:2305.13245), soft caps, additive and boolean masks, causal and sliding windows, and sinks. */
#ifndef QN_KERNEL_ATTENTION_H
#define QN_KERNEL_ATTENTION_H

#include <stdbool.h>

#include "base/dtype.h"

/* A tensor of [batch, head, row, width] wherever it lies: strides in elements, the last dimension dense. */
typedef struct qn_heads {
  const void *data;
  qn_dtype dtype; /* float32, float16, bfloat16, double */
  int64_t batch, head, row;
} qn_heads;

/* Something added to the scores. */
typedef struct qn_attention_bias {
  const void *data; /* NULL: none */
  qn_dtype dtype;
  bool boolean;     /* zeros add `masked`, everything else nothing */
  int64_t batch, head, row, column; /* strides; 0 broadcasts */
  float masked;
} qn_attention_bias;

typedef enum qn_scores_kind { QN_SCORES_RAW, QN_SCORES_CAPPED, QN_SCORES_BIASED, QN_SCORES_PROBABILITIES } qn_scores_kind;

typedef struct qn_attention {
  int64_t batch, heads, kv_heads; /* heads is a multiple of kv_heads; neighbours share one */
  int64_t rows, keys, width, v_width;
  qn_heads q, k, v, y; /* y: written */
  float scale, softcap;  /* softcap 0: none */
  qn_attention_bias bias[2];
  int64_t bias_keys; /* keys from here on are masked: the bias is shorter than `keys`; else `keys` */
  bool causal;
  int64_t left, right;          /* window around the query's position, at most 2^40; -1: open */
  const int64_t *position;      /* [batch] position of the first query among the keys, within ±2^40; NULL: 0 */
  const int64_t *used;          /* [batch] keys that count, NULL: all */
  const void *sink;             /* [heads] or one, of q's type: a score that takes part in the sum only; NULL: none */
  bool zero_sink;               /* a sink of 0 (smooth softmax) */
  int64_t sink_step;            /* 1, or 0 when all heads share it */
  qn_dtype round;               /* the softmax's precision when it is below that of the sums; else QN_UNDEFINED */
  void *scores;                 /* [batch, heads, rows, keys] of scores_dtype, or NULL */
  qn_dtype scores_dtype;
  qn_scores_kind scores_kind;
  bool past_softmax;            /* `scores` are probabilities to go on from; nothing before is done */
  bool scores_only;             /* stop after storing `scores` */
} qn_attention;

/* Bytes of scratch; 0 when they would not fit the address space. */
size_t qn_attention_room(const qn_attention *a);
/* Rows without any key that counts give zeros. */
void qn_attention_run(const qn_attention *a, void *scratch);

/* to[b, h, r, 0 … width) = from[…] + bias[h · width + …], with conversion. bias: [heads · width] of from's type, or NULL. */
void qn_heads_copy(int64_t batch, int64_t heads, int64_t rows, int64_t width, const qn_heads *from, const void *bias,
                   const qn_heads *to);

/* Turns pairs of the first 2·half elements by the angles whose cosines and sines are given (RoFormer, arXiv:2104.09864);
 * pairs are neighbours when interleaved, else half apart. y: [2·half], may be x. */
void qn_rotate_pairs(const float *x, const float *cosines, const float *sines, int64_t half, bool interleaved, float *y);

#endif
