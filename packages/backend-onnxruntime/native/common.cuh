// What all kernels share. They need no headers of CUDA, and compile as C++, too: test/cuda/cuda-shim.h stands in there
// for the device, so that tests without one run the same source.
#pragma once

typedef unsigned long long u64;
typedef unsigned u32;
typedef unsigned short u16;
typedef unsigned char u8;

#ifndef KERNEL
/** A kernel of blocks of 256 threads with its parameters in `p`. */
#define KERNEL(NAME, PARAMS) extern "C" __global__ void __launch_bounds__(256) NAME(const PARAMS p)

static __device__ float widenHalf(u16 value) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value));
  return wide;
}
static __device__ u16 narrowHalf(float value) {
  u16 narrow;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrow) : "f"(value));
  return narrow;
}
#endif

static const int threads = 256;
static const int warps = threads / 32;

struct alignas(16) Quad {
  u32 words[4];
};

struct F32 {
  typedef float Value;
  static __device__ float get(float value) { return value; }
  static __device__ float put(float value) { return value; }
  /** One of the four values of a quad. */
  static __device__ float part(const Quad& quad, int i) { return __uint_as_float(quad.words[i]); }
  /** Eight values to an address that 16 divides. */
  static __device__ void putAll(float* to, const float* values) {
    for (int half = 0; half < 2; half++) {
      Quad quad;
      for (int i = 0; i < 4; i++) quad.words[i] = __float_as_uint(values[4 * half + i]);
      ((Quad*)to)[half] = quad;
    }
  }
};
template <typename Half>
static __device__ void putHalves(u16* to, const float* values) {
  Quad quad;
  for (int i = 0; i < 4; i++) quad.words[i] = Half::put(values[2 * i]) | (u32)Half::put(values[2 * i + 1]) << 16;
  *(Quad*)to = quad;
}
/** One of the eight values of a quad. */
template <typename Half>
static __device__ float partOfHalves(const Quad& quad, int i) {
  return Half::get((u16)(quad.words[i >> 1] >> 16 * (i & 1)));
}
struct F16 {
  typedef u16 Value;
  static __device__ float get(u16 value) { return widenHalf(value); }
  static __device__ u16 put(float value) { return narrowHalf(value); }
  static __device__ float part(const Quad& quad, int i) { return partOfHalves<F16>(quad, i); }
  static __device__ void putAll(u16* to, const float* values) { putHalves<F16>(to, values); }
};
struct BF16 {
  typedef u16 Value;
  static __device__ float get(u16 value) { return __uint_as_float((u32)value << 16); }
  static __device__ u16 put(float value) {
    u32 bits = __float_as_uint(value);
    return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
  static __device__ float part(const Quad& quad, int i) { return partOfHalves<BF16>(quad, i); }
  static __device__ void putAll(u16* to, const float* values) { putHalves<BF16>(to, values); }
};

/** Eight values from an address that 16 divides. */
template <typename T>
static __device__ void getAll(const typename T::Value* from, float* values) {
  const int perQuad = sizeof(Quad) / sizeof(typename T::Value);
  for (int i = 0; i < 8 / perQuad; i++) {
    const Quad quad = ((const Quad*)from)[i];
    for (int j = 0; j < perQuad; j++) values[i * perQuad + j] = T::part(quad, j);
  }
}

// Four bits a value: a group is 64 values in 9 words, eight values in each of the first eight (the even one of a pair in
// the high half of its byte), then scale and minimum in float16.
static const int groupValues = 64;
static const int groupWords = 9;

/** Value `i` of 0 to 7 of a word of a group, as a multiple of the scale. */
static __device__ float nibble(u32 word, int i) { return (float)((word >> (8 * (i >> 1) + 4 * (1 - (i & 1)))) & 15u); }

static __device__ int groupsOf(int width) { return (width + groupValues - 1) / groupValues; }

/**
 * Quantises one group by eight lanes of a warp, which bring eight values each: round((x - minimum) * (15 / range)), half
 * to even, with the roundings of FlexGen. Lanes get their word, and all of them scale and minimum. What float16 cannot
 * bound is NaN.
 */
static __device__ void quantizeGroup(const float* values, u32* word, u32* scales) {
  float least = values[0], largest = values[0];
  u32 isBad = 0;
  for (int i = 0; i < 8; i++) {
    least = fminf(least, values[i]);
    largest = fmaxf(largest, values[i]);
    isBad |= values[i] != values[i];
  }
  for (int lane = 4; lane > 0; lane >>= 1) {
    least = fminf(least, __shfl_xor_sync(0xffffffffu, least, lane));
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, lane));
    isBad |= __shfl_xor_sync(0xffffffffu, isBad, lane);
  }
  const float range = __fsub_rn(largest, least);
  u32 scale = narrowHalf(__fdiv_rn(range, 15.0f));
  u32 minimum = narrowHalf(least);
  // Rounded twice, because PyTorch divides a number by a tensor so.
  float factor = scale == 0 ? 0.0f : __fmul_rn(__fdiv_rn(1.0f, range), 15.0f);
  if (isBad != 0 || (scale & 0x7c00) == 0x7c00 || (minimum & 0x7c00) == 0x7c00) {
    scale = minimum = 0x7e00;
    factor = 0;
  }
  if (minimum == 0x8000) minimum = 0;
  u32 packed = 0;
  for (int i = 0; factor != 0 && i < 8; i++) {
    const u32 level = (u32)__float2int_rn(__fmul_rn(__fsub_rn(values[i], least), factor));
    packed |= level << (8 * (i >> 1) + 4 * (1 - (i & 1)));
  }
  *word = packed;
  *scales = scale | minimum << 16;
}
