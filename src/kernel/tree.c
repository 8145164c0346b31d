/* Semantics as in onnxruntime 1.2x (core/providers/cpu/ml/tree_ensemble_*): single precision unless the model or the
 * input is double, trees summed in the order of the file. */
#include "kernel/tree.h"

#include <string.h>

static double real_at(qn_tree_reals r, size_t i) { return r.f64 ? r.f64[i] : (double)r.f32[i]; }

/* ---- building ---- */

typedef struct builder {
  const qn_tree_source *s;
  uint32_t *sorted, *spare;  /* nodes by (tree, node); before that, room for sorting */
  uint32_t *yes, *no;        /* children as positions in the source, own position for leaves */
  uint32_t *order, *place;   /* new to source position and back */
  uint8_t *has_parent;
} builder;

static int compare(const qn_tree_source *s, uint32_t i, int64_t tree, int64_t node) {
  if (s->trees[i] != tree) return s->trees[i] < tree ? -1 : 1;
  return s->nodes[i] < node ? -1 : s->nodes[i] > node;
}

/* Merge sort: a hash table would be at the mercy of the file. */
static void sort_nodes(builder *b) {
  const size_t n = b->s->n_nodes;
  for (size_t i = 0; i < n; i++) b->sorted[i] = (uint32_t)i;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t from = 0; from < n; from += 2 * width) {
      size_t mid = from + width < n ? from + width : n, to = mid + width < n ? mid + width : n, l = from, r = mid;
      for (size_t k = from; k < to; k++) {
        bool left = r >= to || (l < mid && compare(b->s, b->sorted[l], b->s->trees[b->sorted[r]], b->s->nodes[b->sorted[r]]) <= 0);
        b->spare[k] = b->sorted[left ? l++ : r++];
      }
    }
    uint32_t *swap = b->sorted;
    b->sorted = b->spare;
    b->spare = swap;
  }
}

static bool find(const builder *b, int64_t tree, int64_t node, uint32_t *at) {
  size_t from = 0, to = b->s->n_nodes;
  while (from < to) {
    size_t mid = from + (to - from) / 2;
    int order = compare(b->s, b->sorted[mid], tree, node);
    if (order == 0) {
      *at = b->sorted[mid];
      return true;
    }
    if (order < 0) from = mid + 1;
    else to = mid;
  }
  return false;
}

static qn_status link_child(builder *b, size_t i, int64_t node, uint32_t *child, qn_error *err) {
  const long long tree = (long long)b->s->trees[i], parent = (long long)b->s->nodes[i];
  if (!find(b, b->s->trees[i], node, child))
    return qn_fail(err, QN_ERR_FORMAT, "node %lld of tree %lld has a child %lld that is not in the tree", parent, tree, (long long)node);
  if (b->has_parent[*child])
    return qn_fail(err, QN_ERR_FORMAT, "node %lld of tree %lld has more than one parent", (long long)node, tree);
  b->has_parent[*child] = 1;
  return QN_OK;
}

static qn_status link_nodes(builder *b, qn_tree *t, qn_error *err) {
  const qn_tree_source *s = b->s;
  sort_nodes(b);
  for (size_t i = 1; i < s->n_nodes; i++)
    if (compare(s, b->sorted[i - 1], s->trees[b->sorted[i]], s->nodes[b->sorted[i]]) == 0)
      return qn_fail(err, QN_ERR_FORMAT, "node %lld of tree %lld is there twice", (long long)s->nodes[b->sorted[i]], (long long)s->trees[b->sorted[i]]);
  size_t trees = 0, roots = 0, done = 0;
  for (size_t i = 0; i < s->n_nodes; i++) {
    trees += i == 0 || s->trees[b->sorted[i]] != s->trees[b->sorted[i - 1]];
    b->yes[i] = b->no[i] = (uint32_t)i;
    if (s->modes[i] == QN_TREE_LEAF) continue;
    if (s->features[i] < 0 || s->features[i] >= INT32_MAX)
      return qn_fail(err, QN_ERR_FORMAT, "node %lld of tree %lld asks for feature %lld", (long long)s->nodes[i], (long long)s->trees[i], (long long)s->features[i]);
    if (s->features[i] >= t->n_features) t->n_features = s->features[i] + 1;
    QN_TRY(link_child(b, i, s->yes[i], &b->yes[i], err));
    QN_TRY(link_child(b, i, s->no[i], &b->no[i], err));
  }
  /* With one parent at most, everything that a root reaches is reached once; a cycle is reached by none. */
  for (size_t i = 0; i < s->n_nodes; i++) {
    if (b->has_parent[i]) continue;
    roots++;
    size_t head = done;
    b->order[done++] = (uint32_t)i;
    for (; head < done; head++) {
      const uint32_t at = b->order[head];
      if (s->modes[at] == QN_TREE_LEAF) continue;
      b->order[done++] = b->yes[at];
      b->order[done++] = b->no[at];
    }
  }
  if (done != s->n_nodes) return qn_fail(err, QN_ERR_FORMAT, "the nodes of a tree form a cycle");
  if (roots != trees) return qn_fail(err, QN_ERR_FORMAT, "%zu trees have %zu roots", trees, roots);
  t->n_trees = roots;
  return QN_OK;
}

/* Weights of inner nodes are never asked for, as in onnxruntime. */
static qn_status place_weights(builder *b, qn_tree *t, uint32_t *first, qn_tree_weight *weights, qn_error *err) {
  const qn_tree_source *s = b->s;
  uint32_t at;
  for (size_t k = 0; k < s->n_weights; k++) {
    if (!find(b, s->weight_trees[k], s->weight_nodes[k], &at))
      return qn_fail(err, QN_ERR_FORMAT, "weight %zu is for node %lld of tree %lld, which is not there", k, (long long)s->weight_nodes[k], (long long)s->weight_trees[k]);
    if (s->weight_targets[k] < 0 || s->weight_targets[k] >= s->n_targets)
      return qn_fail(err, QN_ERR_FORMAT, "weight %zu is for target %lld of %lld", k, (long long)s->weight_targets[k], (long long)s->n_targets);
    first[b->place[at] + 1]++;
  }
  t->lone = t->plain && s->n_targets == 1;
  for (size_t i = 0; i < s->n_nodes; i++) {
    t->lone = t->lone && first[i + 1] <= 1;
    first[i + 1] += first[i];
    b->spare[i] = first[i];
  }
  for (size_t k = 0; k < s->n_weights; k++) {
    find(b, s->weight_trees[k], s->weight_nodes[k], &at);
    weights[b->spare[b->place[at]]++] = (qn_tree_weight){real_at(s->weights, k), (uint32_t)s->weight_targets[k]};
  }
  return QN_OK;
}

static qn_status build(builder *b, qn_tree *t, void **block, qn_error *err) {
  const qn_tree_source *s = b->s;
  const size_t n = s->n_nodes;
  QN_TRY(link_nodes(b, t, err));
  t->wide = s->values.f64 || s->weights.f64;
  t->plain = !t->wide;
  size_t sizes[] = {t->n_trees * sizeof(uint32_t), n * sizeof(qn_tree_node), n, s->values.f64 ? n * sizeof(double) : 0,
                    (n + 1) * sizeof(uint32_t), s->n_weights * sizeof(qn_tree_weight), s->members ? 2 * n * sizeof(uint32_t) : 0}, starts[7], size = 0;
  for (int i = 0; i < 7; i++) starts[i] = size, size += qn_align_up(sizes[i]);
  uint8_t *base = qn_alloc_zeroed(size);
  if (!base) return qn_fail(err, QN_ERR_MEMORY, "no memory for the trees");
  *block = base;
  uint32_t *roots = (uint32_t *)(base + starts[0]), *first = (uint32_t *)(base + starts[4]);
  qn_tree_node *nodes = (qn_tree_node *)(base + starts[1]);
  uint8_t *modes = base + starts[2];
  double *values = s->values.f64 ? (double *)(base + starts[3]) : NULL;
  qn_tree_weight *weights = (qn_tree_weight *)(base + starts[5]);
  uint32_t *sets = s->members ? (uint32_t *)(base + starts[6]) : NULL;
  size_t root = 0;
  for (size_t i = 0; i < n; i++) b->place[b->order[i]] = (uint32_t)i;
  for (size_t i = 0; i < n; i++) {
    const uint32_t from = b->order[i];
    const bool leaf = s->modes[from] == QN_TREE_LEAF, missing = !leaf && s->missing && s->missing[from];
    nodes[i] = (qn_tree_node){s->values.f64 ? 0.0f : s->values.f32[from], leaf ? 0 : (uint32_t)s->features[from], b->place[b->yes[from]], b->place[b->no[from]]};
    modes[i] = (uint8_t)(s->modes[from] | (missing ? 8 : 0));
    if (values) values[i] = s->values.f64[from];
    if (sets) sets[2 * i] = s->member_first[from], sets[2 * i + 1] = s->member_end[from];
    t->plain = t->plain && (leaf || modes[i] == QN_TREE_LEQ);
    if (!b->has_parent[from]) roots[root++] = (uint32_t)i;
  }
  QN_TRY(place_weights(b, t, first, weights, err));
  if (t->lone)
    for (size_t i = 0; i < n; i++)
      if (modes[i] == QN_TREE_LEAF) nodes[i].value = first[i] < first[i + 1] ? (float)weights[first[i]].value : 0;
  t->n_nodes = n;
  t->roots = roots, t->nodes = nodes, t->modes = modes, t->wide_values = values, t->first = first, t->weights = weights, t->members = s->members, t->sets = sets;
  return QN_OK;
}

qn_status qn_tree_build(const qn_tree_source *s, qn_tree *t, void **block, qn_error *err) {
  *block = NULL;
  *t = (qn_tree){.n_targets = s->n_targets, .n_features = 1};
  if (s->n_nodes == 0) return qn_fail(err, QN_ERR_FORMAT, "there are no trees");
  if (s->n_nodes > INT32_MAX / 64 || s->n_weights > INT32_MAX / 32) return qn_fail(err, QN_ERR_MEMORY, "too many nodes or weights");
  if (s->n_targets < 1 || s->n_targets > INT32_MAX) return qn_fail(err, QN_ERR_ARGUMENT, "%lld targets", (long long)s->n_targets);
  const size_t n = s->n_nodes;
  uint32_t *room = qn_alloc_zeroed(n * (6 * sizeof(uint32_t) + 1));
  if (!room) return qn_fail(err, QN_ERR_MEMORY, "no memory to read the trees");
  builder b = {s, room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n, (uint8_t *)(room + 6 * n)};
  qn_status status = build(&b, t, block, err);
  qn_free(room);
  if (status != QN_OK) {
    qn_free(*block);
    *block = NULL;
  }
  return status;
}

/* ---- walking ---- */

/* Four rows at once hide the latency of each other's loads; those that arrive first stay in their leaf. */
static void walk_plain(const qn_tree_node *nodes, uint32_t root, const float *x, int64_t rows, size_t columns, uint32_t *leaf) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * columns) {
    const float *x1 = x + columns, *x2 = x1 + columns, *x3 = x2 + columns;
    uint32_t a = root, b = root, c = root, d = root, moved;
    do {
      const qn_tree_node *na = nodes + a, *nb = nodes + b, *nc = nodes + c, *nd = nodes + d;
      const uint32_t ta = x[na->feature] <= na->value ? na->yes : na->no, tb = x1[nb->feature] <= nb->value ? nb->yes : nb->no;
      const uint32_t tc = x2[nc->feature] <= nc->value ? nc->yes : nc->no, td = x3[nd->feature] <= nd->value ? nd->yes : nd->no;
      moved = (a ^ ta) | (b ^ tb) | (c ^ tc) | (d ^ td);
      a = ta, b = tb, c = tc, d = td;
    } while (moved);
    leaf[r] = a, leaf[r + 1] = b, leaf[r + 2] = c, leaf[r + 3] = d;
  }
  for (; r < rows; r++, x += columns) {
    uint32_t a = root, next;
    while ((next = x[nodes[a].feature] <= nodes[a].value ? nodes[a].yes : nodes[a].no) != a) a = next;
    leaf[r] = a;
  }
}

static bool is_member(const qn_tree *t, uint32_t node, double v) {
  uint32_t from = t->sets[2 * node], to = t->sets[2 * node + 1];
  while (from < to) {
    const uint32_t mid = from + (to - from) / 2;
    if (t->members[mid] == v) return true;
    if (t->members[mid] < v) from = mid + 1;
    else to = mid;
  }
  return false;
}

static uint32_t walk_any(const qn_tree *t, uint32_t at, const double *x) {
  for (;;) {
    const qn_tree_node *n = t->nodes + at;
    const double v = x[n->feature], limit = t->wide_values ? t->wide_values[at] : (double)n->value;
    bool yes = (t->modes[at] & 8) && v != v;
    switch (t->modes[at] & 7) {
      case QN_TREE_LEQ: yes = yes || v <= limit; break;
      case QN_TREE_LT: yes = yes || v < limit; break;
      case QN_TREE_GTE: yes = yes || v >= limit; break;
      case QN_TREE_GT: yes = yes || v > limit; break;
      case QN_TREE_EQ: yes = yes || v == limit; break;
      case QN_TREE_NEQ: yes = yes || v != limit; break;
      case QN_TREE_MEMBER: yes = yes || is_member(t, at, v); break;
      default: return at;
    }
    at = yes ? n->yes : n->no;
  }
}

static void fold_weight(qn_tree_fold fold, bool narrow, double w, double *score, uint8_t *reached) {
  if (fold == QN_TREE_MIN) *score = !*reached || w < *score ? w : *score;
  else if (fold == QN_TREE_MAX) *score = !*reached || w > *score ? w : *score;
  else *score = narrow ? (double)(float)(*score + w) : *score + w; /* a float sum: the double in between is exact enough to round once */
  *reached = 1;
}

static void fold_leaves(const qn_tree *t, qn_tree_fold fold, bool narrow, const uint32_t *leaf, int64_t rows, double *scores, uint8_t *reached) {
  for (int64_t r = 0; r < rows; r++, scores += t->n_targets, reached += t->n_targets)
    for (uint32_t k = t->first[leaf[r]]; k < t->first[leaf[r] + 1]; k++)
      fold_weight(fold, narrow, t->weights[k].value, &scores[t->weights[k].target], &reached[t->weights[k].target]);
}

void qn_tree_scores(const qn_tree *t, qn_tree_fold fold, qn_dtype dtype, const void *x, int64_t rows, int64_t columns, double *scores,
                    uint8_t *reached, double *work) {
  const bool narrow = !t->wide && dtype != QN_DOUBLE, plain = t->plain && narrow;
  const size_t count = (size_t)rows * (size_t)columns, width = (size_t)columns;
  const float *single = x;
  const double *wide = x;
  memset(scores, 0, (size_t)rows * (size_t)t->n_targets * sizeof *scores);
  memset(reached, 0, (size_t)rows * (size_t)t->n_targets);
  if (plain && dtype != QN_FLOAT) {
    float *to = (float *)work;
    for (size_t i = 0; i < count; i++) to[i] = dtype == QN_INT64 ? (float)((const int64_t *)x)[i] : (float)((const int32_t *)x)[i];
    single = to;
  } else if (!plain && dtype != QN_DOUBLE) { /* integers meet thresholds in single precision there too */
    for (size_t i = 0; i < count; i++) {
      if (dtype == QN_FLOAT) work[i] = (double)((const float *)x)[i];
      else if (dtype == QN_INT64) work[i] = t->wide ? (double)((const int64_t *)x)[i] : (double)(float)((const int64_t *)x)[i];
      else work[i] = t->wide ? (double)((const int32_t *)x)[i] : (double)(float)((const int32_t *)x)[i];
    }
    wide = work;
  }
  uint32_t leaf[QN_TREE_ROWS];
  for (size_t k = 0; k < t->n_trees; k++) {
    if (plain) walk_plain(t->nodes, t->roots[k], single, rows, width, leaf);
    else
      for (int64_t r = 0; r < rows; r++) leaf[r] = walk_any(t, t->roots[k], wide + (size_t)r * width);
    if (t->lone && narrow && fold <= QN_TREE_AVERAGE)
      for (int64_t r = 0; r < rows; r++) scores[r] = (double)((float)scores[r] + t->nodes[leaf[r]].value), reached[r] = 1;
    else fold_leaves(t, fold, narrow, leaf, rows, scores, reached);
  }
}
