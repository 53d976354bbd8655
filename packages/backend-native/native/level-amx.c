#include "flexgen.h"
#if FX_COMPILES_AMX
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,avx2,fma,f16c")
#endif
#define LEVEL amx
#define FX_LEVEL_NAME "amx"
#define FX_HAS_BF16 1
#define FX_HAS_VNNI 1
#define FX_HAS_AMX 1
#include "simd-avx512.h"
#include "level.inc.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
