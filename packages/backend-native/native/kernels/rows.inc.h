// Kernels over rows and arrays of float32 values.

#define FX_CONVERT(dtype)                                                        \
  {                                                                              \
    size_t i = 0;                                                                \
    for (; i + VW <= n; i += VW) v_store(y + i, v_get(x, i, dtype));             \
    if (i < n) v_store_n(y + i, v_get_n(x, i, n - i, dtype), n - i);             \
  }

static void to_f32(float *y, const void *x, size_t n, int dtype) {
  if (dtype == FX_F16) FX_CONVERT(FX_F16)
  else if (dtype == FX_BF16) FX_CONVERT(FX_BF16)
  else if (dtype == FX_Q4) dequantize(y, x, n);
  else memmove(y, x, 4 * n);
}

#define FX_NARROW(dtype)                                                         \
  {                                                                              \
    size_t i = 0;                                                                \
    for (; i + VW <= n; i += VW) v_put(y, i, v_load(x + i), dtype);              \
    if (i < n) v_put_n(y, i, v_load_n(x + i, n - i), n - i, dtype);              \
  }

static void from_f32(void *y, const float *x, size_t n, int dtype) {
  if (dtype == FX_F16) FX_NARROW(FX_F16)
  else if (dtype == FX_BF16) FX_NARROW(FX_BF16)
  else if (dtype == FX_Q4) fx_quantize(y, x, n);
  else memmove(y, x, 4 * n);
}

// y[i] = expression of vectors at i, whole vectors first; LOAD is v_load or the part of a vector at the end.
#define FX_MAP(expression)                                                       \
  {                                                                              \
    size_t i = 0;                                                                \
    for (; i + VW <= n; i += VW) {                                               \
      const size_t c = VW;                                                       \
      v_store(y + i, (expression));                                              \
      (void)c;                                                                   \
    }                                                                            \
    if (i < n) {                                                                 \
      const size_t c = n - i;                                                    \
      v_store_n(y + i, (expression), c);                                         \
    }                                                                            \
  }

FX_INLINE vf v_at(const float *p, size_t c) { return c == VW ? v_load(p) : v_load_n(p, c); }

static void add_values(float *y, const float *a, const float *b, size_t n) FX_MAP(v_add(v_at(a + i, c), v_at(b + i, c)))
static void mul_values(float *y, const float *a, const float *b, size_t n) FX_MAP(v_mul(v_at(a + i, c), v_at(b + i, c)))

static float dot_floats(const float *a, const float *b, size_t n) {
  vf s = v_zero();
  size_t i = 0;
  for (; i + VW <= n; i += VW) s = v_fma(v_load(a + i), v_load(b + i), s);
  if (i < n) s = v_add(s, v_mul(v_load_n(a + i, n - i), v_load_n(b + i, n - i)));
  return v_sum(s);
}

static void activate(float *y, const float *x, size_t n, int activation) {
  switch (activation) {
    case FX_RELU: FX_MAP(v_relu(v_at(x + i, c))) break;
    case FX_GELU_ERF: FX_MAP(v_gelu_erf(v_at(x + i, c))) break;
    case FX_GELU_TANH: FX_MAP(v_gelu_tanh(v_at(x + i, c))) break;
    case FX_SILU: FX_MAP(v_silu(v_at(x + i, c))) break;
    default: memmove(y, x, 4 * n);
  }
}

// Four sums side by side hide the latency of the additions.
#define FX_SUM_ROW(expression)                                                   \
  {                                                                              \
    vf s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};                          \
    size_t i = 0;                                                                \
    for (; i + 4 * VW <= n; i += 4 * VW) {                                       \
      FX_UNROLL for (int j = 0; j < 4; j++) {                                    \
        vf v = v_load(x + i + j * VW);                                           \
        s[j] = v_add(s[j], (expression));                                        \
      }                                                                          \
    }                                                                            \
    for (; i + VW <= n; i += VW) {                                               \
      vf v = v_load(x + i);                                                      \
      s[0] = v_add(s[0], (expression));                                          \
    }                                                                            \
    sum = v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));                    \
    if (i < n) {                                                                 \
      float part[VW] = {0};                                                      \
      vf v = v_load_n(x + i, n - i);                                             \
      v_store(part, (expression));                                               \
      for (size_t j = 0; j < n - i; j++) sum += part[j];                         \
    }                                                                            \
  }

static void layer_norm(float *y, const float *x, const float *scale, const float *bias, size_t n, float epsilon) {
  float sum;
  FX_SUM_ROW(v)
  vf mean = v_set1(sum / (float)n);
  FX_SUM_ROW(v_mul(v_sub(v, mean), v_sub(v, mean)))
  vf inverse = v_set1(1 / sqrtf(sum / (float)n + epsilon));
  FX_MAP(v_fma(v_mul(v_sub(v_at(x + i, c), mean), inverse), v_at(scale + i, c), v_at(bias + i, c)))
}

static void rms_norm(float *y, const float *x, const float *scale, size_t n, float epsilon) {
  float sum;
  FX_SUM_ROW(v_mul(v, v))
  vf inverse = v_set1(1 / sqrtf(sum / (float)n + epsilon));
  FX_MAP(v_mul(v_mul(v_at(x + i, c), inverse), v_at(scale + i, c)))
}

static float top_value(const float *x, size_t n) {
  vf most = v_set1(-INFINITY);
  size_t i = 0;
  for (; i + VW <= n; i += VW) most = v_max(most, v_load(x + i));
  float top = v_top(most);
  for (; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

// y = exp(x - top); gives the sum.
static float exp_row(float *y, const float *x, size_t n, float top) {
  vf t = v_set1(top), s = v_zero();
  size_t i = 0;
  for (; i + VW <= n; i += VW) {
    vf e = v_exp(v_sub(v_load(x + i), t));
    v_store(y + i, e);
    s = v_add(s, e);
  }
  float sum = v_sum(s);
  if (i < n) {
    float part[VW];
    v_store(part, v_exp(v_sub(v_load_n(x + i, n - i), t)));
    for (size_t j = 0; i + j < n; j++) sum += y[i + j] = part[j];
  }
  return sum;
}

static void softmax(float *y, const float *x, size_t n) {
  vf inverse = v_set1(1 / exp_row(y, x, n, top_value(x, n)));
  FX_MAP(v_mul(v_at(y + i, c), inverse))
}

// The first of the largest; comparing whole vectors with the best so far finds that nothing is new.
static size_t arg_max(const float *x, size_t n) {
  size_t best = 0, i = 0;
  for (; i + VW <= n; i += VW) {
    if (!v_any_gt(v_load(x + i), v_set1(x[best]))) continue;
    for (size_t j = i; j < i + VW; j++)
      if (x[j] > x[best]) best = j;
  }
  for (; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

// 0 times anything else than a number is no number.
static int is_finite(const float *x, size_t n) {
  vf s = v_zero();
  size_t i = 0;
  for (; i + VW <= n; i += VW) s = v_fma(v_load(x + i), v_zero(), s);
  if (i < n) s = v_fma(v_load_n(x + i, n - i), v_zero(), s);
  return v_sum(s) == 0;
}
