import { fileURLToPath } from 'node:url'

/** Absolute path of the demo checkpoint: a folder in the layout of a Hugging Face OPT repository, float16, 12.1 MB. */
export const demoModelPath: string = fileURLToPath(new URL('../model', import.meta.url))
