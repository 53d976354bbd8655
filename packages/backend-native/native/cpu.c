// Chooses the kernels for this processor.
#define _GNU_SOURCE
#include "flexgen.h"

#if FX_COMPILES_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

// Whether the processor has matrix registers for bfloat16, and Linux lets this process use them: it asks for their room.
static int may_use_amx(void) {
  enum { FX_REQUEST_PERMISSION = 0x1023, FX_TILE_DATA = 18 };
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  const unsigned has_bf16 = d >> 22 & 1, has_tiles = d >> 24 & 1;
  return has_bf16 && has_tiles && syscall(SYS_arch_prctl, FX_REQUEST_PERMISSION, FX_TILE_DATA) == 0;
}
#endif

int fx_fetches_ahead, fx_uses_pairs;

// Measured: Zen 4 reads ahead by itself and multiplies pairs twice as fast as float32 numbers; on Sapphire Rapids decode
// attention gains a half by asking ahead, and pairs are half as fast.
static void know_processor(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  fx_fetches_ahead = __builtin_cpu_is("intel") != 0;
  fx_uses_pairs = __builtin_cpu_is("amd") != 0;
#endif
}

static int is_supported(const fx_level *level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (level == &fx_avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#if FX_COMPILES_AMX
  if (level == &fx_amx) return is_supported(&fx_avx512_bf16) && may_use_amx();
#endif
  if (level == &fx_avx512 || level == &fx_avx512_bf16) {
    if (!(is_supported(&fx_avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")))
      return 0;
    if (level == &fx_avx512) return 1;
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
  }
#endif
  (void)level;
  return 1;
}

const fx_level *fx_find_level(const char *name) {
  know_processor();
  // From the best to the plainest.
  static const fx_level *const levels[] = {
#if FX_COMPILES_AMX
    &fx_amx,
#endif
#if defined(__x86_64__)
    &fx_avx512_bf16, &fx_avx512, &fx_avx2,
#elif defined(__aarch64__)
    &fx_neon,
#endif
    &fx_portable,
  };
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    if (name != NULL && strcmp(name, levels[i]->name) != 0) continue;
    if (is_supported(levels[i])) return levels[i];
  }
  return NULL;
}
