/* Decision trees: flattened once from ONNX's lists, then walked by many rows at a time. */
#ifndef QN_KERNEL_TREE_H
#define QN_KERNEL_TREE_H

#include "base/dtype.h"
#include "base/memory.h"

typedef enum qn_tree_mode { QN_TREE_LEQ, QN_TREE_LT, QN_TREE_GTE, QN_TREE_GT, QN_TREE_EQ, QN_TREE_NEQ, QN_TREE_LEAF, QN_TREE_MEMBER } qn_tree_mode;
typedef enum qn_tree_fold { QN_TREE_SUM, QN_TREE_AVERAGE, QN_TREE_MIN, QN_TREE_MAX } qn_tree_fold;

/* Real numbers as the model has them: one of the two is set. */
typedef struct qn_tree_reals {
  const float *f32;
  const double *f64;
} qn_tree_reals;

/* The lists of a TreeEnsemble; not trusted. */
typedef struct qn_tree_source {
  size_t n_nodes;
  const int64_t *trees, *nodes, *features, *yes, *no; /* [n_nodes] */
  const int64_t *missing;                             /* [n_nodes] or NULL: non-zero sends NaN to `yes` */
  const uint8_t *modes;                               /* [n_nodes] qn_tree_mode */
  qn_tree_reals values;                               /* [n_nodes] */
  const double *members;                              /* the sets of MEMBER nodes, or NULL without any */
  const uint32_t *member_first, *member_end;          /* [n_nodes] */
  size_t n_weights;
  const int64_t *weight_trees, *weight_nodes, *weight_targets; /* [n_weights] */
  qn_tree_reals weights;                              /* [n_weights] */
  int64_t n_targets;
} qn_tree_source;

#define QN_TREE_LANES 8 /* rows that walk together */
typedef struct qn_tree_node {
  float value;      /* threshold; of a leaf: infinity */
  uint32_t feature; /* times QN_TREE_LANES; of a leaf: n_features, a column that is always 0, so that it leads to itself */
  uint32_t yes;     /* the other child is the next node; of a leaf: itself */
  float weight;     /* the only one of a leaf if qn_tree.lone */
} qn_tree_node;

typedef struct qn_tree_weight {
  double value;
  uint32_t target;
} qn_tree_weight;

/* Each tree's nodes lie together, parents before children. */
typedef struct qn_tree {
  size_t n_nodes, n_trees;
  int64_t n_targets, n_features; /* columns that rows must have: 1 or more */
  bool plain;                    /* BRANCH_LEQ only, single precision, NaN always goes to `no` */
  bool lone;                     /* plain, one target, at most one weight in a leaf */
  bool wide;                     /* thresholds or weights in double precision */
  const uint32_t *roots, *depths; /* [n_trees]; depth: steps to the farthest leaf */
  const qn_tree_node *nodes;     /* [n_nodes] */
  const uint8_t *modes;          /* [n_nodes] qn_tree_mode, + 8 if NaN goes to `yes` */
  const double *wide_values;     /* [n_nodes] or NULL */
  const uint32_t *first;         /* [n_nodes + 1] into weights */
  const qn_tree_weight *weights;
  const double *members;         /* of the source, each set ascending; must live as long as the tree */
  const uint32_t *sets;          /* [2 * n_nodes] first and end of each node's set, or NULL */
} qn_tree;

/* Flattens into one block of qn_alloc that the caller owns (*block). A sentence says which list is wrong. */
qn_status qn_tree_build(const qn_tree_source *source, qn_tree *tree, void **block, qn_error *err);

/* Doubles of `work` that qn_tree_scores wants for this many rows. */
static inline size_t qn_tree_work(int64_t rows, int64_t columns) { return ((size_t)rows + QN_TREE_LANES - 1) / QN_TREE_LANES * QN_TREE_LANES * ((size_t)columns + 1); }
#define QN_TREE_ROWS 128 /* rows that a call takes at most */
/* Folds what the trees say about `rows` rows into scores [rows, n_targets] (AVERAGE is not divided yet); reached is 1
 * where a leaf had a weight for the target. x [rows, columns] float32, float64, int64 or int32, columns >= n_features. */
void qn_tree_scores(const qn_tree *tree, qn_tree_fold fold, qn_dtype dtype, const void *x, int64_t rows, int64_t columns, double *scores,
                    uint8_t *reached, double *work);

#endif
