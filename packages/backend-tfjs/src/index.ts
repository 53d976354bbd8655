export { createTfjsBackend, type TfjsBackendOptions } from './create-tfjs-backend.ts'
export {
  type EngineInfo,
  type EngineName,
  engineNames,
  engines,
  installCommand,
  isEngineName,
} from './engine/engine-name.ts'
