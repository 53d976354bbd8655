import { applyByteEdits, byteEdits, type FuzzCampaign, jsonEditor, jsonEdits } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { openSafetensors } from '../../src/index.ts'
import { concat, littleEndian, pattern, utf8 } from '../support/bytes.ts'
import { rawSafetensors, smallSafetensors, writeSafetensors } from '../support/write-safetensors.ts'
import { type Files, sourceCampaign } from './source-campaign.ts'

const small = smallSafetensors()
const headerBytes = Number(new DataView(small.buffer).getBigUint64(0, true))
const header: unknown = JSON.parse(new TextDecoder().decode(small.subarray(8, 8 + headerBytes)))
const editHeader = jsonEditor({ __metadata__: { format: 'pt' }, ...(header as object) })

/** Two tensors of 4-bit groups, one along the rows and one down the columns. */
const groups = { w: { dtype: 'q4g64', shape: [2, 80] }, v: { dtype: 'q4g64c', shape: [50, 3] } }
const editGroups = jsonEditor(groups)
const groupHeader = (table: string): unknown => ({
  __metadata__: { 'flexgen.version': '1', 'flexgen.tensors': table },
  w: { dtype: 'U8', shape: [2, 2, 36], data_offsets: [0, 144] },
  v: { dtype: 'U8', shape: [1, 3, 36], data_offsets: [144, 252] },
})

const shards: Files = {
  'one.safetensors': small,
  'two.safetensors': writeSafetensors([{ name: 'c', dtype: 'BF16', shape: [3], bytes: pattern(6) }]),
}
const index = {
  metadata: { total_size: 34 },
  weight_map: { a: 'one.safetensors', ids: 'one.safetensors', c: 'two.safetensors' },
}
const editIndex = jsonEditor(index)

const oneFile = (bytes: Uint8Array): Files => ({ 'model.safetensors': bytes })
const withIndex = (bytes: Uint8Array): Files => ({ ...shards, 'model.safetensors.index.json': bytes })

const usualOr = (usual: number, others: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others })
const headers = fc.record({
  edits: jsonEdits,
  dataBytes: usualOr(28, fc.integer({ min: 0, max: 60 })),
  lengthError: usualOr(0, fc.integer({ min: -9, max: 9 })),
})

/** The safetensors format: whole files byte by byte, headers field by field, and indexes both ways. */
export const safetensorsCampaigns: readonly FuzzCampaign[] = [
  sourceCampaign('safetensors, bytes', openSafetensors, byteEdits, (edits) => oneFile(applyByteEdits(small, edits))),
  sourceCampaign('safetensors, header', openSafetensors, headers, ({ edits, dataBytes, lengthError }) => {
    const text = utf8(editHeader(edits))
    const length = BigInt.asUintN(64, BigInt(text.byteLength + lengthError))
    return oneFile(concat(littleEndian(8, length), text, pattern(dataBytes)))
  }),
  sourceCampaign('safetensors, table of 4-bit tensors', openSafetensors, jsonEdits, (edits) =>
    oneFile(rawSafetensors(groupHeader(editGroups(edits)), pattern(252))),
  ),
  sourceCampaign('safetensors index, bytes', openSafetensors, byteEdits, (edits) =>
    withIndex(applyByteEdits(utf8(JSON.stringify(index)), edits)),
  ),
  sourceCampaign('safetensors index, fields', openSafetensors, jsonEdits, (edits) => withIndex(utf8(editIndex(edits)))),
]
