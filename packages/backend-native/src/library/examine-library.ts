import { type FoundLibrary, findLibrary } from './find-library.ts'
import { loadKoffi } from './koffi-library.ts'
import { loadLibrary } from './native-library.ts'

/** What the host kernels can do on this processor, and where they come from. */
export interface HostKernels extends FoundLibrary {
  /** Instruction sets that this processor has kernels for, the best first: it is what `createNativeBackend` takes. */
  readonly levels: readonly string[]
  /** The others. */
  readonly missingLevels: readonly string[]
}

/** Instruction sets that there are kernels for, on whatever processor, the best of each first. */
const allLevels = ['amx', 'avx512-bf16', 'avx512', 'avx2', 'neon', 'portable'] as const

/**
 * Finds the library, compiles it where that was not done yet, and asks it for what this processor has.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no library and none can be compiled, or it cannot be loaded
 */
export async function examineHostKernels(): Promise<HostKernels> {
  const koffi = await loadKoffi()
  const found = await findLibrary()
  const library = loadLibrary(koffi, found.path)
  const has = (level: string): boolean => {
    const handle = library.open(1, 0, level)
    if (handle === null) return false
    library.close(handle)
    return true
  }
  const levels = allLevels.filter(has)
  return { ...found, levels, missingLevels: allLevels.filter((level) => !levels.includes(level)) }
}
