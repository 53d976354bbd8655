import fc from 'fast-check'
import { settleFastCheckSeed } from './fast-check-seed.ts'

fc.configureGlobal({ seed: settleFastCheckSeed(process.env).seed })
