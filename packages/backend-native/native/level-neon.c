#include "flexgen.h"
#if defined(__aarch64__)
#define LEVEL neon
#define FX_LEVEL_NAME "neon"
#include "simd-neon.h"
#include "level.inc.h"
#endif
