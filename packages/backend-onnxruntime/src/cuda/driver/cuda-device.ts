import { BackendUnavailableError, type Clock, FlexgenError } from '@flexgen/spec'
import type { Koffi } from '../../ffi/koffi-library.ts'
import { type CudaDriver, loadCudaDriver } from './cuda-driver.ts'
import type { CudaHandle } from './cuda-functions.ts'

/** One GPU with its context, current on this thread. */
export interface CudaDevice {
  readonly driver: CudaDriver
  /** Where the driver was loaded from. */
  readonly libraryPath: string
  readonly context: CudaHandle
  readonly ordinal: number
  readonly name: string
  readonly memoryBytes: number
  /** CUDA version that the driver offers, such as 13000. */
  readonly driverVersion: number
  /** Every kernel runs on it, one after the other. */
  readonly computeStream: CudaHandle
  createStream(): CudaHandle
  /** Milliseconds of the clock at which a timed event was reached. */
  timeOf(event: CudaHandle): number
  release(): void
}

const nonBlocking = 1

/** Libraries of the driver, by platform. */
const driverLibraries: Readonly<Record<string, string>> = { linux: 'libcuda.so.1', win32: 'nvcuda.dll' }

/**
 * Opens a GPU with the context that ONNX Runtime uses, too.
 * @param libraryPath the driver's library; `CUDA_DRIVER_LIBRARY`, or the system's, by default
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no driver or no GPU
 */
export function openCudaDevice(
  koffi: Koffi,
  clock: Clock,
  ordinal = 0,
  libraryPath: string | undefined = process.env['CUDA_DRIVER_LIBRARY'],
): CudaDevice {
  const path = libraryPath || driverLibraries[process.platform]
  if (path === undefined) throw new BackendUnavailableError(`there is no CUDA on ${process.platform}`)
  const driver = loadCudaDriver(koffi, path)
  const { call, create } = driver
  const ints = new Int32Array(1)
  try {
    call.init(0)
    call.deviceGetCount(ints)
  } catch (cause) {
    const why = FlexgenError.isInstance(cause) ? cause.message : String(cause)
    throw new BackendUnavailableError(`the NVIDIA driver finds no GPU: ${why}`, { hint: noDeviceHint, cause })
  }
  const count = ints[0]!
  if (!(ordinal < count))
    throw new BackendUnavailableError(`there is no GPU ${ordinal}: the NVIDIA driver finds ${count}`, {
      hint: noDeviceHint,
    })
  call.driverGetVersion(ints)
  const driverVersion = ints[0]!
  call.deviceGet(ints, ordinal)
  const device = ints[0]!
  const name = new Uint8Array(128)
  call.deviceGetName(name, name.byteLength, device)
  const memoryBytes = Number(create((out) => call.deviceTotalMem(out, device)))
  const context = create((out) => call.primaryContextRetain(out, device))
  call.contextSetCurrent(context)
  const createStream = (): CudaHandle => create((out) => call.streamCreate(out, nonBlocking))
  const computeStream = createStream()
  const base = create((out) => call.eventCreate(out, 0))
  call.eventRecord(base, computeStream)
  call.eventSynchronize(base)
  const baseMs = clock.now()
  const elapsed = new Float32Array(1)
  return {
    driver,
    libraryPath: path,
    context,
    ordinal,
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    memoryBytes,
    driverVersion,
    computeStream,
    createStream,
    timeOf(event) {
      call.eventElapsedTime(elapsed, base, event)
      return baseMs + elapsed[0]!
    },
    release() {
      call.eventDestroy(base)
      call.streamDestroy(computeStream)
      call.primaryContextRelease(device)
    },
  }
}

const noDeviceHint = 'nvidia-smi must show a GPU; in a container, start it with access to the GPU (--gpus all)'
