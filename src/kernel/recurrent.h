/* Recurrent layers: RNN, GRU and LSTM over whole sequences, with ONNX's order of gates and weights. */
#ifndef QN_KERNEL_RECURRENT_H
#define QN_KERNEL_RECURRENT_H

#include "base/dtype.h"

typedef enum qn_cell { QN_CELL_RNN, QN_CELL_GRU, QN_CELL_LSTM } qn_cell;
static inline int qn_cell_gates(qn_cell c) { return c == QN_CELL_RNN ? 1 : c == QN_CELL_GRU ? 3 : 4; }
static inline int qn_cell_activations(qn_cell c) { return c == QN_CELL_RNN ? 1 : c == QN_CELL_GRU ? 2 : 3; }

/* X-macro: code, ONNX's name, alpha and beta are taken from the attributes (0 or 1), their values when those have none. */
#define QN_ACTIVATION_LIST(X)                               \
  X(QN_ACT_SIGMOID, "Sigmoid", 0, 0, 0.0f, 0.0f)            \
  X(QN_ACT_TANH, "Tanh", 0, 0, 0.0f, 0.0f)                  \
  X(QN_ACT_RELU, "Relu", 0, 0, 0.0f, 0.0f)                  \
  X(QN_ACT_AFFINE, "Affine", 1, 1, 1.0f, 0.0f)              \
  X(QN_ACT_LEAKY_RELU, "LeakyRelu", 1, 0, 0.01f, 0.0f)      \
  X(QN_ACT_THRESHOLDED_RELU, "ThresholdedRelu", 1, 0, 1.0f, 0.0f) \
  X(QN_ACT_SCALED_TANH, "ScaledTanh", 1, 1, 1.0f, 1.0f)     \
  X(QN_ACT_HARD_SIGMOID, "HardSigmoid", 1, 1, 0.2f, 0.5f)   \
  X(QN_ACT_ELU, "Elu", 1, 0, 1.0f, 0.0f)                    \
  X(QN_ACT_SOFTSIGN, "Softsign", 0, 0, 0.0f, 0.0f)          \
  X(QN_ACT_SOFTPLUS, "Softplus", 0, 0, 0.0f, 0.0f)

typedef enum qn_activation_kind {
#define QN_ACTIVATION_ENUM(code, name, has_alpha, has_beta, alpha, beta) code,
  QN_ACTIVATION_LIST(QN_ACTIVATION_ENUM)
#undef QN_ACTIVATION_ENUM
  QN_ACT_COUNT
} qn_activation_kind;

typedef struct qn_activation {
  qn_activation_kind kind;
  float alpha, beta;
} qn_activation;

typedef struct qn_recurrent {
  qn_cell cell;
  qn_dtype dtype;               /* QN_FLOAT or QN_DOUBLE */
  int64_t steps, batch, inputs, hidden; /* T, B, I, H; I and H are positive */
  int directions;               /* D: 1 or 2; the second one is backward */
  bool backward;                /* the first direction is backward */
  bool batch_first;             /* ONNX's layout 1 */
  bool linear_before_reset;     /* GRU */
  bool input_forget;            /* LSTM */
  float clip;                   /* of what the gates' activations take; INFINITY for none */
  qn_activation act[2][3];      /* f, g, h of each direction */
} qn_recurrent;

/* G gates. The arrays have elements of dtype. */
typedef struct qn_recurrent_data {
  const void *x;                /* [T, B, I], or [B, T, I] when batch_first */
  const void *w, *r;            /* float: made by qn_recurrent_pack_*(); double: [D, G·H, I] and [D, G·H, H] */
  const void *bias;             /* [D, 2·G·H] or NULL */
  const int32_t *lengths;       /* [B] within 0…T, or NULL */
  const void *h0, *c0;          /* [D, B, H], or [B, D, H] when batch_first; or NULL */
  const void *peephole;         /* [D, 3·H] or NULL */
  void *y;                      /* [T, D, B, H], or [B, T, D, H] when batch_first; or NULL */
  void *y_h, *y_c;              /* as h0; or NULL */
  void *work;                   /* qn_recurrent_room() elements */
} qn_recurrent_data;

/* Floats of all directions' packed input (recurrent) weights; 0 on overflow of size_t bytes. */
size_t qn_recurrent_input_count(qn_cell cell, int directions, int64_t inputs, int64_t hidden);
size_t qn_recurrent_hidden_count(qn_cell cell, int directions, int64_t hidden);
/* w [D, G·H, I], r [D, G·H, H] */
void qn_recurrent_pack_input(qn_cell cell, int directions, int64_t inputs, int64_t hidden, const float *w, float *packed);
void qn_recurrent_pack_hidden(qn_cell cell, int directions, int64_t hidden, const float *r, float *packed);

/* Elements of working memory; 0 on overflow of size_t bytes. */
size_t qn_recurrent_room(const qn_recurrent *p);
void qn_recurrent_run(const qn_recurrent *p, const qn_recurrent_data *d);

#endif
