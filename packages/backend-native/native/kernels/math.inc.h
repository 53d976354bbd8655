// exp, tanh and erf of vectors, to a few units in the last place of float32.

// 2^f by a polynomial on [-ln2/2, ln2/2] (Cephes); infinities and NaN as in C.
FX_INLINE vf v_exp(vf x) {
  vf low = v_set1(-87.3365447f), high = v_set1(88.7228317f);
  vf bounded = v_max(low, v_min(high, x));
  vf n = v_round(v_mul(bounded, v_set1(1.44269504088896341f)));
  // 2^128 is no float32: half of it, twice.
  n = v_min(v_set1(127), n);
  vf r = v_fma(n, v_set1(-0.693359375f), bounded);
  r = v_fma(n, v_set1(2.12194440e-4f), r);
  vf p = v_set1(1.9875691500e-4f);
  p = v_fma(p, r, v_set1(1.3981999507e-3f));
  p = v_fma(p, r, v_set1(8.3334519073e-3f));
  p = v_fma(p, r, v_set1(4.1665795894e-2f));
  p = v_fma(p, r, v_set1(1.6666665459e-1f));
  p = v_fma(p, r, v_set1(5.0000001201e-1f));
  p = v_add(v_fma(v_mul(r, r), p, r), v_set1(1));
  vf y = v_mul(p, v_pow2(n));
  y = v_select_gt(low, x, v_zero(), y);
  return v_select_gt(x, high, v_set1(INFINITY), y);
}

FX_INLINE vf v_abs(vf x) { return v_max(v_sub(v_zero(), x), x); }

// 1 - erf(z) of z >= 0, by Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
FX_INLINE vf v_erfc_positive(vf z) {
  vf t = v_div(v_set1(1), v_fma(z, v_set1(0.3275911f), v_set1(1)));
  vf p = v_set1(1.061405429f);
  p = v_fma(p, t, v_set1(-1.453152027f));
  p = v_fma(p, t, v_set1(1.421413741f));
  p = v_fma(p, t, v_set1(-0.284496736f));
  p = v_fma(p, t, v_set1(0.254829592f));
  return v_mul(v_mul(p, t), v_exp(v_sub(v_zero(), v_mul(z, z))));
}

FX_INLINE vf v_relu(vf x) { return v_max(v_zero(), x); }
FX_INLINE vf v_sigmoid(vf x) { return v_div(v_set1(1), v_add(v_set1(1), v_exp(v_sub(v_zero(), x)))); }
FX_INLINE vf v_silu(vf x) { return v_div(x, v_add(v_set1(1), v_exp(v_sub(v_zero(), x)))); }
FX_INLINE vf v_gelu_erf(vf x) {
  vf half = v_mul(x, v_set1(0.5f)), rest = v_erfc_positive(v_mul(v_abs(x), v_set1(0.70710678118654752f)));
  return v_mul(half, v_select_gt(x, v_zero(), v_sub(v_set1(2), rest), rest));
}
// x/2 (1 + tanh u) is x sigmoid(2 u).
FX_INLINE vf v_gelu_tanh(vf x) {
  vf cube = v_mul(v_mul(x, x), x);
  vf u = v_mul(v_fma(cube, v_set1(0.044715f), x), v_set1(2 * 0.79788456080286536f));
  return v_mul(x, v_sigmoid(u));
}
FX_INLINE vf v_activation(vf x, int activation) {
  switch (activation) {
    case FX_RELU: return v_relu(x);
    case FX_GELU_ERF: return v_gelu_erf(x);
    case FX_GELU_TANH: return v_gelu_tanh(x);
    case FX_SILU: return v_silu(x);
    default: return x;
  }
}
