import type { RectangleSide } from '../driver/rectangle.ts'

/** What is copied between a cache row and a page: a line for each head, of keys and of values. */
export interface CacheLines {
  readonly heads: number
  /** Bytes of a line, and from one line to the next. */
  readonly width: number
  readonly rowPitch: number
  readonly pagePitch: number
  /** First line of the keys and of the values on the device, and the allocation that they are of. */
  readonly keys: bigint
  readonly values: bigint
  readonly rowRegion: object
  /** First line in the page, where those of the values follow those of the keys, and what of the host one copy may span. */
  readonly page: bigint
  readonly pageRegion: object
  /** Whether what lies between the lines may be copied along: they begin with their rows then. */
  readonly mayCopyRest: boolean
}

/** Lines at equal distances. */
export interface CacheRectangle {
  readonly device: RectangleSide
  readonly host: RectangleSide
  readonly width: number
  readonly height: number
}

/** The driver takes no line further from the one before. */
const mostPitch = 2n ** 31n - 1n

/**
 * What is copied in vain of a row at most so that rows are copied whole, together: on an H100 that saves 7 us of a row, in which 380 KB
 * pass over PCIe 5.
 */
const mostVainBytes = 256 * 1024

/**
 * Rectangles that cover some copies. Keys of a whole row are one line, and so are its values; whole rows at equal distances on both
 * sides make one rectangle of keys and one of values. An H100 took 52 us for a row of 2.4 MB in 64 lines, 45 of them for its bytes.
 */
export function rectanglesOf(copies: readonly CacheLines[]): CacheRectangle[] {
  const rectangles: CacheRectangle[] = []
  for (let first = 0; first < copies.length;) {
    const one = copies[first]!
    const count = canBeWhole(one) ? countAlike(copies, first) : 1
    if (count > 1 || isWhole(one)) rectangles.push(...ofRows(one, copies[first + 1], count))
    else if (one.width > 0) rectangles.push(...ofLines(one))
    first += count
  }
  return rectangles
}

/** Whether a head's line ends where the next begins. */
function isWhole({ width, rowPitch, pagePitch }: CacheLines): boolean {
  return width === rowPitch && width === pagePitch
}

/** Whether a row is copied whole, or may be. */
function canBeWhole(lines: CacheLines): boolean {
  const { heads, width, rowPitch, pagePitch, mayCopyRest } = lines
  if (isWhole(lines)) return true
  return mayCopyRest && width > 0 && rowPitch === pagePitch && 2 * heads * (rowPitch - width) <= mostVainBytes
}

/** How many rows from one on can be whole and lie at equal distances, in memory that one copy may span. */
function countAlike(copies: readonly CacheLines[], first: number): number {
  const [one, second] = [copies[first]!, copies[first + 1]]
  if (second === undefined || !canBeWhole(second)) return 1
  const [rowStep, pageStep] = [second.keys - one.keys, second.page - one.page]
  const least = BigInt(one.heads * one.rowPitch)
  if ([rowStep, pageStep].some((step) => step < least || step > mostPitch)) return 1
  const isNext = (copy: CacheLines, i: number): boolean =>
    canBeWhole(copy) &&
    copy.rowPitch === one.rowPitch &&
    copy.heads === one.heads &&
    copy.rowRegion === one.rowRegion &&
    copy.pageRegion === one.pageRegion &&
    copy.keys === one.keys + BigInt(i) * rowStep &&
    copy.values === one.values + BigInt(i) * rowStep &&
    copy.page === one.page + BigInt(i) * pageStep
  const end = copies.slice(first).findIndex((copy, i) => !isNext(copy, i))
  return end === -1 ? copies.length - first : end
}

/** Keys, and values, of whole rows, of which `second` is the second. */
function ofRows(one: CacheLines, second: CacheLines | undefined, count: number): CacheRectangle[] {
  const width = one.heads * one.rowPitch
  const pitchOf = (side: 'keys' | 'page'): number => (count === 1 ? width : Number(second![side] - one[side]))
  return [one.keys, one.values].map((address, half) => ({
    device: { memory: 'device', address, pitch: pitchOf('keys') },
    host: { memory: 'host', address: one.page + BigInt(half * width), pitch: pitchOf('page') },
    width,
    height: count,
  }))
}

/** Keys, and values, of a part of a row. */
function ofLines({ heads, width, rowPitch, pagePitch, keys, values, page }: CacheLines): CacheRectangle[] {
  return [keys, values].map((address, half) => ({
    device: { memory: 'device', address, pitch: rowPitch },
    host: { memory: 'host', address: page + BigInt(half * heads * pagePitch), pitch: pagePitch },
    width,
    height: heads,
  }))
}
