// Sums and maxima over the threads of a block.
#pragma once
#include "common.cuh"

static __device__ float warpSum(float value) {
  for (int lane = 16; lane > 0; lane >>= 1) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}
static __device__ float warpMax(float value) {
  for (int lane = 16; lane > 0; lane >>= 1) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, lane));
  return value;
}

static __device__ float blockReduce(float value, float* shared, bool isMax) {
  value = isMax ? warpMax(value) : warpSum(value);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = value;
  __syncthreads();
  float all = shared[0];
  for (int warp = 1; warp < warps; warp++) all = isMax ? fmaxf(all, shared[warp]) : all + shared[warp];
  return all;
}
