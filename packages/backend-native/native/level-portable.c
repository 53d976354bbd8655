#ifndef FX_NO_UNROLL
#define FX_NO_UNROLL 1
#endif
#include "flexgen.h"
#define LEVEL portable
#define FX_LEVEL_NAME "portable"
#include "simd-portable.h"
#include "level.inc.h"
