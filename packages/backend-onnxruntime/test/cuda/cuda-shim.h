// Stands in for the device when native/*.cu are compiled as C++: a thread of a block is a fiber, and those of a block
// take turns where they wait for each other. Included before each source of kernels.
#ifdef __cplusplus
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

struct Index3 {
  unsigned x, y, z;
};
extern Index3 threadIdx, blockIdx, blockDim, gridDim;

/** Waits until every thread of the block that has not ended is here. */
void __syncthreads();
/** Bits of the other lane; all lanes of the warp are here. */
uint32_t exchangeBits(uint32_t bits, int laneMask);

#define __device__
#define __global__
#define __shared__
#define SHIM_EXPORT extern "C" __attribute__((visibility("default")))

/** The kernel by its name, and how many bytes its parameters have. */
#define KERNEL(NAME, PARAMS)                                                                  \
  static void NAME##_body(const PARAMS& p);                                                   \
  SHIM_EXPORT size_t NAME##_bytes() { return sizeof(PARAMS); }                                \
  SHIM_EXPORT void NAME(const void* parameters) { NAME##_body(*(const PARAMS*)parameters); } \
  static void NAME##_body(const PARAMS& p)

static inline float __uint_as_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static inline uint32_t __float_as_uint(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
static inline float widenHalf(uint16_t value) {
  _Float16 half;
  memcpy(&half, &value, 2);
  return (float)half;
}
static inline uint16_t narrowHalf(float value) {
  const _Float16 half = (_Float16)value;
  uint16_t bits;
  memcpy(&bits, &half, 2);
  return bits;
}
static inline float __shfl_xor_sync(uint32_t, float value, int laneMask) {
  return __uint_as_float(exchangeBits(__float_as_uint(value), laneMask));
}
static inline uint32_t __shfl_xor_sync(uint32_t, uint32_t value, int laneMask) { return exchangeBits(value, laneMask); }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline int __float2int_rn(float value) { return (int)rintf(value); }
#define __expf expf
#endif
