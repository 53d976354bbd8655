#include "flexgen.h"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif
#define LEVEL avx2
#define FX_LEVEL_NAME "avx2"
#include "simd-avx2.h"
#include "level.inc.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
