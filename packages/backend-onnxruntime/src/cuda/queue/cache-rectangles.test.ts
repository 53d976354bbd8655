import { describe, expect, it } from 'vitest'
import { type CacheLines, rectanglesOf } from './cache-rectangles.ts'

const heads = 3
const lane = 100
/** Bytes of the keys of a row, which its values have too. */
const half = heads * lane

const [rowRegion, pageRegion] = [{}, {}]

/** Row `row` of a device cache of ten, in a page; of its beginning `width` bytes a head. */
function lines(row: number, page: number, width = lane): CacheLines {
  return {
    rowRegion,
    pageRegion,
    mayCopyRest: false,
    heads,
    width,
    rowPitch: lane,
    pagePitch: lane,
    keys: BigInt(1_000_000 + row * half),
    values: BigInt(1_000_000 + (10 + row) * half),
    page: BigInt(5000 + page * 2 * half),
  }
}

const shapes = (copies: readonly CacheLines[]): [width: number, height: number][] =>
  rectanglesOf(copies).map(({ width, height }) => [width, height])

describe('rectangles of cache copies', () => {
  it('are one of keys and one of values for whole rows at equal distances', () => {
    const [keys, values] = rectanglesOf([0, 1, 2].map((i) => lines(i, i)))
    expect(keys).toEqual({
      device: { memory: 'device', address: 1_000_000n, pitch: half },
      host: { memory: 'host', address: 5000n, pitch: 2 * half },
      width: half,
      height: 3,
    })
    expect(values).toEqual({
      device: { memory: 'device', address: BigInt(1_000_000 + 10 * half), pitch: half },
      host: { memory: 'host', address: BigInt(5000 + half), pitch: 2 * half },
      width: half,
      height: 3,
    })
  })

  it('begin anew where a distance changes, on either side', () => {
    expect(shapes([lines(0, 0), lines(1, 1), lines(2, 5), lines(3, 6)])).toEqual([
      [half, 2],
      [half, 2],
      [half, 2],
      [half, 2],
    ])
    expect(shapes([lines(0, 0), lines(1, 1), lines(5, 2)])).toEqual([
      [half, 2],
      [half, 2],
      [half, 1],
      [half, 1],
    ])
  })

  it('take rows apart that lie in another order, or further than the driver goes', () => {
    const apart = [
      [half, 1],
      [half, 1],
      [half, 1],
      [half, 1],
    ]
    expect(shapes([lines(1, 0), lines(0, 1)])).toEqual(apart)
    expect(shapes([lines(0, 1), lines(1, 0)])).toEqual(apart)
    expect(shapes([lines(0, 0), { ...lines(1, 1), page: 5000n + 2n ** 31n }])).toEqual(apart)
    expect(shapes([lines(0, 0), { ...lines(1, 1), values: 7n }])).toEqual(apart)
  })

  it('end where the memory does that one copy may span, on either side', () => {
    const [first, second] = [lines(0, 0), lines(1, 1)]
    expect(shapes([first, second])).toHaveLength(2)
    for (const other of [
      { ...second, pageRegion: {} },
      { ...second, rowRegion: {} },
    ])
      expect(shapes([first, other])).toHaveLength(4)
  })

  it('take beginnings of rows whole where their rest may be copied, several go together, and little is copied in vain', () => {
    const beginning = (i: number): CacheLines => ({ ...lines(i, i, lane - 8), mayCopyRest: true })
    expect(shapes([0, 1, 2].map(beginning))).toEqual([
      [half, 3],
      [half, 3],
    ])
    expect(shapes([lines(0, 0), beginning(1)])).toEqual([
      [half, 2],
      [half, 2],
    ])
    const alone = [
      [lane - 8, heads],
      [lane - 8, heads],
    ]
    expect(shapes([beginning(0)])).toEqual(alone)
    expect(shapes([beginning(0), { ...beginning(1), mayCopyRest: false }])).toEqual([...alone, ...alone])
    const large = 2 ** 17
    const long = (i: number): CacheLines => ({
      ...beginning(i),
      rowPitch: large,
      pagePitch: large,
      keys: BigInt(i * heads * large),
      values: BigInt((10 + i) * heads * large),
      page: BigInt(2 * i * heads * large),
    })
    const vain = (width: number): CacheLines[] => [0, 1].map((i) => ({ ...long(i), width }))
    expect(shapes(vain(large - 2 ** 18 / (2 * heads) + 1))).toHaveLength(2)
    expect(shapes(vain(large - 2 ** 18 / (2 * heads) - 1))).toHaveLength(4)
  })

  it('have a line a head where rows are copied in part, and none where nothing is', () => {
    expect(shapes([lines(0, 0), lines(1, 1, 40), lines(2, 2, 0), lines(3, 3)])).toEqual([
      [half, 1],
      [half, 1],
      [40, heads],
      [40, heads],
      [half, 1],
      [half, 1],
    ])
  })
})
