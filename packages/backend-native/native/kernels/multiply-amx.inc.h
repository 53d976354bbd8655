// Products of blocks of bfloat16 pairs in the matrix registers of AMX: 32 rows of x and 32 columns of y in four of them.

// Rows of a tile of x, and pairs of a step along k: what a register holds.
enum { FX_AMX_ROWS = 32, FX_AMX_UNITS = 16 };

// Eight registers of 16 lines of 64 bytes, for this thread until `close_tiles`.
static void open_tiles(void) {
  struct __attribute__((aligned(64))) {
    uint8_t palette, start, reserved[14];
    uint16_t line_bytes[16];
    uint8_t lines[16];
  } config = {.palette = 1};
  for (int i = 0; i < 8; i++) config.line_bytes[i] = 64, config.lines[i] = 16;
  _tile_loadconfig(&config);
}
static void close_tiles(void) { _tile_release(); }

// c [32, panel] (+)= a [32, units] b [units, panel] for whole steps of units; a unit is a pair.
static void multiply_amx(size_t units, const float *a, const float *b, float *c, size_t ldc, int is_first) {
  if (is_first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, c, 4 * ldc);
    _tile_loadd(1, c + 16, 4 * ldc);
    _tile_loadd(2, c + 16 * ldc, 4 * ldc);
    _tile_loadd(3, c + 16 * ldc + 16, 4 * ldc);
  }
  for (size_t u = 0; u < units; u += FX_AMX_UNITS) {
    _tile_loadd(4, a + u, 4 * FX_LDA);
    _tile_loadd(5, a + 16 * FX_LDA + u, 4 * FX_LDA);
    _tile_loadd(6, b + u * FX_PANEL, 4 * FX_PANEL);
    _tile_loadd(7, b + u * FX_PANEL + 16, 4 * FX_PANEL);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, 4 * ldc);
  _tile_stored(1, c + 16, 4 * ldc);
  _tile_stored(2, c + 16 * ldc, 4 * ldc);
  _tile_stored(3, c + 16 * ldc + 16, 4 * ldc);
}

// 32 rows against panels, as `multiply_rows`; what is left of k behind whole steps is multiplied without AMX.
static void multiply_rows_amx(size_t units, const float *a, const float *b, size_t panels, float *c, size_t ldc,
                              int is_first) {
  const size_t whole = units / FX_AMX_UNITS * FX_AMX_UNITS, ldb = units * FX_PANEL;
  for (size_t p = 0; whole > 0 && p < panels; p++)
    multiply_amx(whole, a, b + p * ldb, c + p * FX_PANEL, ldc, is_first);
  for (size_t r = 0; whole < units && r < FX_AMX_ROWS; r += MR)
    multiply_rows(fx_min(MR, FX_AMX_ROWS - r), 1, units - whole, a + r * FX_LDA + whole, b + whole * FX_PANEL, ldb,
                  panels, c + r * ldc, ldc, is_first && whole == 0);
}
