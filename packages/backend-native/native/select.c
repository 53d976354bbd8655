// The k largest of a row and sampling from it: a heap gives one candidate after the other, as many as are needed.
#include "select.h"

// Whether candidate a comes before b: larger first, equals by index.
static int precedes(const float *x, int32_t a, int32_t b) { return x[a] > x[b] || (x[a] == x[b] && a < b); }

static void sift_down(const float *x, int32_t *heap, size_t n, size_t at) {
  int32_t moved = heap[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= n) break;
    if (child + 1 < n && precedes(x, heap[child + 1], heap[child])) child++;
    if (!precedes(x, heap[child], moved)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

static void make_heap(const float *x, int32_t *heap, size_t n) {
  for (size_t i = 0; i < n; i++) heap[i] = (int32_t)i;
  for (size_t i = n / 2; i-- > 0;) sift_down(x, heap, n, i);
}

// Takes the first candidate out of a heap of n; it stands behind the rest afterwards.
static int32_t take_first(const float *x, int32_t *heap, size_t n) {
  int32_t first = heap[0];
  heap[0] = heap[n - 1];
  heap[n - 1] = first;
  sift_down(x, heap, n - 1, 0);
  return first;
}

void fx_top_k(const float *x, size_t n, size_t k, float *values, int32_t *indices, int32_t *heap) {
  make_heap(x, heap, n);
  for (size_t i = 0; i < k; i++) {
    indices[i] = take_first(x, heap, n - i);
    values[i] = x[indices[i]];
  }
}

int32_t fx_sample(const float *x, size_t n, float uniform, double temperature, size_t top_k, double top_p,
                  int32_t *heap) {
  make_heap(x, heap, n);
  const size_t candidates = top_k > 0 && top_k < n ? top_k : n;
  const double largest = x[heap[0]];
#define FX_WEIGHT(id) exp(((double)x[id] - largest) / temperature)
  // Candidates that were taken stand from the end on: candidate i at heap[n - 1 - i].
  size_t taken = 0;
  double all = 0;
  if (candidates < n)
    for (; taken < candidates; taken++) all += FX_WEIGHT(take_first(x, heap, n - taken));
  else
    for (size_t id = 0; id < n; id++) all += FX_WEIGHT(id);
  // The smallest set that reaches its share holds at least one.
  size_t count = candidates;
  double total = all;
  if (top_p < 1) {
    total = 0;
    for (count = 0; count < candidates && (count == 0 || total < top_p * all); count++) {
      if (count == taken) take_first(x, heap, n - taken++);
      total += FX_WEIGHT(heap[n - 1 - count]);
    }
  }
  double cumulative = 0;
  int32_t id = heap[0];
  for (size_t i = 0; i < count; i++) {
    if (i == taken) take_first(x, heap, n - taken++);
    id = heap[n - 1 - i];
    cumulative += FX_WEIGHT(id) / total;
    if (cumulative > uniform) break;
  }
  // Rounding can leave the sum a little below 1: then it is the last one.
  return id;
}
