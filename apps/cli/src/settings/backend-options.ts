import type { Option } from 'commander'
import { option } from './options.ts'

/**
 * Names of the backends and `auto`, for help and completion. A copy, so that the help needs no front door; which names
 * there are is known there, and it refuses others.
 */
export const backendNames: readonly string[] = [
  'native',
  'onnxruntime',
  'tfjs',
  'reference',
  'onnxruntime-cuda',
  'auto',
]

/** An option that takes the name of a backend. */
export function backendOption(flags: string, description: string): Option {
  const made = option(flags, description)
  made.argChoices = [...backendNames]
  return made
}
