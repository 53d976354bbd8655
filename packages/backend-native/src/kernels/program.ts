import { type GraphValue, InternalError, type LayerGraph } from '@flexgen/spec'
import { encodeProgram } from '../graphs/encode-program.ts'
import { describeGraph, type GraphInfo } from '../graphs/graph-info.ts'
import type { PlannedNode } from '../graphs/plan-nodes.ts'
import type { KernelContext } from './kernel-context.ts'
import { makeLayout, type RunLayout, type RunSize } from './run-layout.ts'

/** Enough for the lengths of a generation; more are made again when they come back. */
const mostLayouts = 64

/** A compiled graph, shared by a kernel and the prepared kernels that were made from it. */
export class Program {
  readonly info: GraphInfo
  readonly slots: readonly string[]
  readonly nodes: readonly PlannedNode[]
  /** Inputs and outputs by name. */
  readonly borders: ReadonlyMap<string, GraphValue>
  readonly pointer: bigint
  readonly #context: KernelContext
  readonly #layouts = new Map<string, RunLayout>()
  #users = 1

  /** @throws {FlexgenError} `UNSUPPORTED_DATA` for a graph that cannot run here */
  constructor(context: KernelContext, graph: LayerGraph) {
    this.#context = context
    this.info = describeGraph(graph, context.capabilities)
    const { words, slots, nodes } = encodeProgram(this.info)
    this.slots = slots
    this.nodes = nodes
    this.borders = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]))
    const pointer = context.library.programCreate(words, words.length)
    if (pointer === null || pointer === 0n)
      throw new InternalError(`layer graph ${graph.name}: the host kernels do not read the program`)
    this.pointer = pointer
  }

  /** Where everything lies in a run of these sizes. */
  layout(size: RunSize): RunLayout {
    const key = `${size.batch} ${size.seq} ${size.maxPositions} ${size.cacheDtype}`
    let layout = this.#layouts.get(key)
    if (layout === undefined) {
      const { library, handle } = this.#context
      layout = makeLayout(this, size, (table) => library.scratchBytes(handle, this.pointer, table))
      if (this.#layouts.size >= mostLayouts) this.#layouts.clear()
      this.#layouts.set(key, layout)
    }
    return layout
  }

  retain(): void {
    this.#users++
  }

  release(): void {
    if (--this.#users === 0) this.#context.library.programFree(this.pointer)
  }
}
