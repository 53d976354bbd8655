// Asking for what is read soon, where processors do not do it early enough by themselves: 4-bit groups are read too unevenly for any.

FX_INLINE void fetch_soon(const char *soon, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(soon + i, 0, 2);
}

// Stretches of memory that are read one behind the other.
enum { FX_AHEAD_STRETCHES = 3 };

typedef struct {
  fx_stretch left[FX_AHEAD_STRETCHES];
  size_t first;
} read_ahead;

// Goes on by so many bytes of what will be read, and asks for them; `ahead` may be null.
FX_INLINE void go_ahead(read_ahead *ahead, size_t bytes, const int fetches) {
  while (ahead != NULL && bytes > 0 && ahead->first < FX_AHEAD_STRETCHES) {
    fx_stretch *left = &ahead->left[ahead->first];
    const size_t n = fx_min(bytes, left->bytes);
    if (n == 0) {
      ahead->first++;
      continue;
    }
    if (fetches) fetch_soon(left->at, n);
    left->at += n;
    left->bytes -= n;
    bytes -= n;
  }
}

// To be called with so many bytes as are read now: asks for as many that are read a while after them.
FX_INLINE void fetch_ahead(read_ahead *ahead, size_t bytes) { go_ahead(ahead, bytes, 1); }

// Keys, then values, then the keys that this thread reads next, of which only the beginning is asked for. That of these keys was asked
// for by what it read before, but for its first ones.
static read_ahead read_ahead_of(fx_stretch keys, fx_stretch values, fx_stretch next) {
  read_ahead ahead = {{keys, values, {next.at, fx_min(next.bytes, FX_AHEAD_BYTES)}}, 0};
  go_ahead(&ahead, fx_min(FX_AHEAD_BYTES, keys.bytes), 0);
  return ahead;
}
