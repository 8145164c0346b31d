/* Flattens the lists of a TreeEnsemble. */
#include "kernel/tree.h"

#include <math.h>
#include <string.h>

static double real_at(qn_tree_reals r, size_t i) { return r.f64 ? r.f64[i] : (double)r.f32[i]; }

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
    if (s->features[i] < 0 || s->features[i] >= INT32_MAX / QN_TREE_LANES)
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
                    (n + 1) * sizeof(uint32_t), s->n_weights * sizeof(qn_tree_weight), s->members ? 2 * n * sizeof(uint32_t) : 0, t->n_trees * sizeof(uint32_t)}, starts[8], size = 0;
  for (int i = 0; i < 8; i++) starts[i] = size, size += qn_align_up(sizes[i]);
  uint8_t *base = qn_alloc_zeroed(size);
  if (!base) return qn_fail(err, QN_ERR_MEMORY, "no memory for the trees");
  *block = base;
  uint32_t *roots = (uint32_t *)(base + starts[0]), *first = (uint32_t *)(base + starts[4]), *depths = (uint32_t *)(base + starts[7]), *depth = b->spare;
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
    nodes[i] = (qn_tree_node){leaf ? INFINITY : s->values.f64 ? 0.0f : s->values.f32[from],
                              (uint32_t)(leaf ? t->n_features : s->features[from]) * QN_TREE_LANES, b->place[b->yes[from]], 0};
    modes[i] = (uint8_t)(s->modes[from] | (missing ? 8 : 0));
    if (values) values[i] = s->values.f64[from];
    if (sets) sets[2 * i] = s->member_first[from], sets[2 * i + 1] = s->member_end[from];
    t->plain = t->plain && (leaf || modes[i] == QN_TREE_LEQ);
    if (!b->has_parent[from]) roots[root++] = (uint32_t)i, depth[i] = 0;
    if (!leaf) depth[nodes[i].yes] = depth[nodes[i].yes + 1] = depth[i] + 1;
    depths[root - 1] = depth[i]; /* a tree's last node is one of the deepest */
  }
  QN_TRY(place_weights(b, t, first, weights, err));
  if (t->lone)
    for (size_t i = 0; i < n; i++)
      if (modes[i] == QN_TREE_LEAF) nodes[i].weight = first[i] < first[i + 1] ? (float)weights[first[i]].value : 0;
  t->n_nodes = n;
  t->roots = roots, t->depths = depths, t->nodes = nodes, t->modes = modes, t->wide_values = values, t->first = first, t->weights = weights, t->members = s->members, t->sets = sets;
  return QN_OK;
}

qn_status qn_tree_build(const qn_tree_source *s, qn_tree *t, void **block, qn_error *err) {
  *block = NULL;
  *t = (qn_tree){.n_targets = s->n_targets, .n_features = 1};
  if (s->n_nodes == 0) return qn_fail(err, QN_ERR_FORMAT, "there are no trees");
  if (s->n_nodes > INT32_MAX / 64 || s->n_weights > INT32_MAX / 32) return qn_fail(err, QN_ERR_MEMORY, "too many nodes or weights");
  if (s->n_targets < 1 || s->n_targets > INT32_MAX) return qn_fail(err, QN_ERR_ARGUMENT, "n_targets is %lld; 1 or more is expected", (long long)s->n_targets);
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
