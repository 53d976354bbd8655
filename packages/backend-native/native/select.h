#ifndef FLEXGEN_SELECT_H
#define FLEXGEN_SELECT_H
#include "flexgen.h"

// The k largest of n values, descending, equals by index; `heap` has room for n.
void fx_top_k(const float *x, size_t n, size_t k, float *values, int32_t *indices, int32_t *heap);

// One index by its probability at a temperature, of the top_k (0: all) and of the smallest set that reaches top_p.
int32_t fx_sample(const float *x, size_t n, float uniform, double temperature, size_t top_k, double top_p,
                  int32_t *heap);
#endif
