// Compiles the library ahead of its first use and prints the result as JSON; the set-up of a checkout calls it.
import { buildLibrary } from '../src/library/build-library.ts'

console.log(JSON.stringify(await buildLibrary()))
