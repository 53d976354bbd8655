// Sums of columns with products of bytes: weights times scales are pairs of bytes.

// Rows of weights that are taken at once: their sums stay in registers.
enum { FX_COLUMN_ROWS = 2 };

// Nibbles of four columns side by side, value by value: values of even and of odd index, from two halves of the lines.
FX_INLINE void mix_columns(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, __m512i mixed[4]) {
  const __m512i low = _mm512_set1_epi8(15);
  __m256i ga = _mm256_loadu_si256((const __m256i *)a), gb = _mm256_loadu_si256((const __m256i *)b);
  __m256i gc = _mm256_loadu_si256((const __m256i *)c), gd = _mm256_loadu_si256((const __m256i *)d);
  __m256i ab = _mm256_unpacklo_epi8(ga, gb), cd = _mm256_unpacklo_epi8(gc, gd);
  __m512i first = _mm512_castsi256_si512(_mm256_unpacklo_epi16(ab, cd));
  first = _mm512_inserti64x4(first, _mm256_unpackhi_epi16(ab, cd), 1);
  ab = _mm256_unpackhi_epi8(ga, gb), cd = _mm256_unpackhi_epi8(gc, gd);
  __m512i second = _mm512_castsi256_si512(_mm256_unpacklo_epi16(ab, cd));
  second = _mm512_inserti64x4(second, _mm256_unpackhi_epi16(ab, cd), 1);
  mixed[0] = _mm512_and_si512(_mm512_srli_epi16(first, 4), low);
  mixed[1] = _mm512_and_si512(first, low);
  mixed[2] = _mm512_and_si512(_mm512_srli_epi16(second, 4), low);
  mixed[3] = _mm512_and_si512(second, low);
}

// Adds what `mix_columns` made of 64 values, by the scale of its weights, and a rest to each value.
FX_INLINE void add_mixed(const __m512i high[4], const __m512i low[4], float scale, float rest, float *sums) {
  vf r[4];
  FX_UNROLL for (int j = 0; j < 4; j++)
    r[j] = v_fma(_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high[j], 8), low[j])), v_set1(scale), v_set1(rest));
  // Each vector has four parts of 4 values: the first and third are of the first half of the lines.
  vf even[2] = {_mm512_shuffle_f32x4(r[0], r[2], 0x88), _mm512_shuffle_f32x4(r[0], r[2], 0xdd)};
  vf odd[2] = {_mm512_shuffle_f32x4(r[1], r[3], 0x88), _mm512_shuffle_f32x4(r[1], r[3], 0xdd)};
  FX_UNROLL for (int j = 0; j < 2; j++) {
    vf a, b;
    float *to = sums + j * FX_HALF;
    v_interleave(even[j], odd[j], &a, &b);
    v_store(to, v_add(v_load(to), a));
    v_store(to + VW, v_add(v_load(to + VW), b));
  }
}

FX_INLINE __m512i four_bytes(const int8_t *p) {
  int32_t word;
  memcpy(&word, p, 4);
  return _mm512_set1_epi32(word);
}

// Weights of up to 64 columns, times their scales, as pairs of bytes, and times their minima in sum.
typedef struct {
  int8_t pairs[2 * FX_GROUP];
  float scale, rest;
} column_weights;

FX_INLINE void weigh_columns(const float *x, const float *scales, const float *minima, size_t count, column_weights *to) {
  vf products[4], rest = v_zero(), lost;
  FX_UNROLL for (size_t i = 0; i < FX_GROUP; i += VW) {
    // Nothing is read behind the last column: the product with a weight of zero need not be zero.
    const size_t some = count == FX_GROUP ? VW : i < count ? fx_min(VW, count - i) : 0;
    vf weight = v_load_n(x + i, some);
    products[i / VW] = v_mul(weight, v_load_n(scales + i, some));
    rest = v_fma(weight, v_load_n(minima + i, some), rest);
  }
  to->scale = pair_bytes(products, to->pairs, &lost);
  // What rounding has lost meets nibbles that are 7.5 in the middle.
  to->rest = v_sum(v_fma(lost, v_set1(7.5f), rest));
}

// sums [M, 64] += the values of up to 64 columns that are `stride` bytes apart, by weight.
FX_INLINE void add_columns(const size_t M, const char *first, size_t stride, size_t count, const column_weights *w,
                           float *sums, size_t lds) {
  __m512i high[FX_COLUMN_ROWS][4], low[FX_COLUMN_ROWS][4];
  FX_UNROLL for (size_t m = 0; m < M; m++)
    FX_UNROLL for (int j = 0; j < 4; j++) high[m][j] = low[m][j] = _mm512_setzero_si512();
  for (size_t c = 0; c < count; c += 4) {
    __m512i mixed[4];
    const uint8_t *at = (const uint8_t *)first + c * stride;
    // Columns behind the last one have weights of zero: the last one stands in for them.
    if (FX_LIKELY(c + 4 <= count)) mix_columns(at, at + stride, at + 2 * stride, at + 3 * stride, mixed);
    else {
      const size_t last = count - 1 - c;
      mix_columns(at, at + fx_min(1, last) * stride, at + fx_min(2, last) * stride, at + last * stride, mixed);
    }
    FX_UNROLL for (size_t m = 0; m < M; m++) {
      const __m512i high_bytes = four_bytes(w[m].pairs + c), low_bytes = four_bytes(w[m].pairs + FX_GROUP + c);
      FX_UNROLL for (int j = 0; j < 4; j++) {
        high[m][j] = _mm512_dpbusd_epi32(high[m][j], mixed[j], high_bytes);
        low[m][j] = _mm512_dpbusd_epi32(low[m][j], mixed[j], low_bytes);
      }
    }
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) add_mixed(high[m], low[m], w[m].scale, w[m].rest, sums + m * lds);
}
