import { applyByteEdits, byteEdits, type FuzzCampaign } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { openNumpyFolder } from '../../src/index.ts'
import { pattern } from '../support/bytes.ts'
import { rawNpy, writeNpy } from '../support/write-npy.ts'
import { sourceCampaign } from './source-campaign.ts'

const small = writeNpy('<f2', [2, 3], pattern(12), { fortranOrder: true })

const usually = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) })

/** Fields of a header as Python text, mostly what they should be, in any order, some of them missing or double. */
const headers = fc
  .record({
    descr: usually(
      "'<f2'",
      "'<f4'",
      "'>f2'",
      "'|O'",
      "'<U9'",
      "[('a', '<f2')]",
      "'__proto__'",
      '"<f2"',
      'None',
      '7',
      "'<f2",
    ),
    order: usually('False', 'True', 'true', '0', "'False'", 'None'),
    shape: usually(
      '(2, 3)',
      '(6,)',
      '()',
      '(2, -3)',
      '(2.0, 3)',
      '(6)',
      '[2, 3]',
      '(1e1,)',
      `(${'1,'.repeat(99)})`,
      '(((2,),),)',
    ),
    sizes: fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2 ** 31, 2 ** 53, 10 ** 20)), {
      maxLength: 4,
    }),
    drawn: fc.boolean(),
  })
  .chain(({ descr, order, shape, sizes, drawn }) => {
    const fields = [
      `'descr': ${descr}`,
      `'fortran_order': ${order}`,
      `'shape': ${drawn ? `(${sizes.map((size) => `${size},`).join(' ')})` : shape}`,
    ]
    const orders = fc.oneof(
      { weight: 4, arbitrary: fc.constant(fields) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(...fields, "'other': 1", ''), { maxLength: 5 }) },
    )
    return fc.tuple(orders, usually('{', '', '[', '{{'), usually('}', '', '],', '} {', '}}'))
  })
  .map(([fields, begin, end]) => `${begin}${fields.join(', ')}, ${end}`)

const files = fc.record({
  header: headers,
  version: usually(1, 2, 3, 0, 4, 255),
  dataBytes: usually(12, 0, 6, 24, 11),
})

/** Folders of npy files: whole files byte by byte, and headers field by field. */
export const numpyCampaigns: readonly FuzzCampaign[] = [
  sourceCampaign('npy, bytes', openNumpyFolder, byteEdits, (edits) => ({
    'x.weight': applyByteEdits(small, edits),
    'y.bias': small,
  })),
  sourceCampaign('npy, header', openNumpyFolder, files, ({ header, version, dataBytes }) => ({
    'x.weight': rawNpy(header, pattern(dataBytes), version),
  })),
]
