import { create, toBinary } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx-pb.ts'
import { type TensorType, tensorTypes } from './tensor-type.ts'

/** Domain of the operators that ONNX Runtime adds to ONNX. */
export const microsoftDomain = 'com.microsoft'

/** Gelu came with 20. */
const opsetVersion = 20n
const irVersion = 9n
const externalLocation = 1
const attributeTypes = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const

/** Value of an attribute: numbers are integers, floats stand in `{ float }`. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number }

/** What a node is made from beside its operator and inputs. */
export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Names of the outputs, or how many; default one. */
  readonly outputs?: readonly string[] | number
  readonly domain?: string
}

/** A number, or the name of a dimension that changes from run to run. */
export type OnnxDimension = number | string

/** Builds one ONNX model, node by node; names of values are the caller's or made here. */
export class OnnxBuilder {
  readonly #graph = create(GraphProtoSchema)
  readonly #constants = new Map<string, string>()
  #count = 0

  constructor(name: string) {
    this.#graph.name = name
  }

  input(name: string, type: TensorType, shape: readonly OnnxDimension[]): string {
    this.#graph.input.push(valueInfo(name, type, shape))
    return name
  }

  output(name: string, type: TensorType, shape: readonly OnnxDimension[]): void {
    this.#graph.output.push(valueInfo(name, type, shape))
  }

  /** Adds a node and returns the names of its outputs. */
  nodes(operator: string, inputs: readonly string[], options: NodeOptions = {}): string[] {
    const wanted = options.outputs ?? 1
    const outputs =
      typeof wanted === 'number' ? Array.from({ length: wanted }, () => this.#fresh(operator)) : [...wanted]
    const attribute = Object.entries(options.attributes ?? {}).map(([name, value]) => attributeOf(name, value))
    this.#graph.node.push(
      create(NodeProtoSchema, {
        input: [...inputs],
        output: outputs,
        name: this.#fresh(operator),
        opType: operator,
        domain: options.domain ?? '',
        attribute,
      }),
    )
    return outputs
  }

  /** Adds a node with one output and returns its name. */
  node(operator: string, inputs: readonly string[], options: NodeOptions = {}): string {
    return this.nodes(operator, inputs, options)[0]!
  }

  /** A constant of the given values; equal constants are shared. */
  constant(values: Float32Array | Float64Array | Int32Array | BigInt64Array, shape: readonly number[]): string {
    const type = constantType(values)
    const key = `${type} ${shape.join(',')} ${values.join(',')}`
    let name = this.#constants.get(key)
    if (name !== undefined) return name
    name = this.#fresh('constant')
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    this.#graph.initializer.push(
      create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: tensorTypes[type].onnx, rawData }),
    )
    this.#constants.set(key, name)
    return name
  }

  /** A float32 scalar. */
  scalar(value: number): string {
    return this.constant(Float32Array.of(value), [])
  }

  /** A one-dimensional int64 tensor, the form of shapes and axes. */
  shape(...dimensions: number[]): string {
    return this.constant(BigInt64Array.from(dimensions, BigInt), [dimensions.length])
  }

  /** A constant whose bytes are handed over when the session is made. */
  externalInitializer(name: string, type: TensorType, shape: readonly number[], byteLength: number): string {
    const entry = (key: string, value: string): object => create(StringStringEntryProtoSchema, { key, value })
    this.#graph.initializer.push(
      create(TensorProtoSchema, {
        name,
        dims: shape.map(BigInt),
        dataType: tensorTypes[type].onnx,
        dataLocation: externalLocation,
        externalData: [entry('location', name), entry('offset', '0'), entry('length', String(byteLength))],
      }),
    )
    return name
  }

  /** The model in ONNX's file format. */
  encode(): Uint8Array {
    const opset = (domain: string, version: bigint): object => create(OperatorSetIdProtoSchema, { domain, version })
    const model = create(ModelProtoSchema, {
      irVersion,
      producerName: 'flexgen',
      graph: this.#graph,
      opsetImport: [opset('', opsetVersion), opset(microsoftDomain, 1n)],
    })
    return toBinary(ModelProtoSchema, model)
  }

  #fresh(stem: string): string {
    return `#${stem}:${this.#count++}`
  }
}

function valueInfo(name: string, type: TensorType, shape: readonly OnnxDimension[]): ValueInfoProto {
  const dim = shape.map((dimension) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof dimension === 'number'
          ? { case: 'dimValue', value: BigInt(dimension) }
          : { case: 'dimParam', value: dimension },
    }),
  )
  const tensor = create(TypeProto_TensorSchema, {
    elemType: tensorTypes[type].onnx,
    shape: create(TensorShapeProtoSchema, { dim }),
  })
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  })
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: attributeTypes.int, i: BigInt(value) })
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: attributeTypes.string, s: new TextEncoder().encode(value) })
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: attributeTypes.float, f: value.float })
  return create(AttributeProtoSchema, { name, type: attributeTypes.ints, ints: value.map(BigInt) })
}

function constantType(values: Float32Array | Float64Array | Int32Array | BigInt64Array): TensorType {
  if (values instanceof Float32Array) return 'float32'
  if (values instanceof Float64Array) return 'float64'
  return values instanceof Int32Array ? 'int32' : 'int64'
}
