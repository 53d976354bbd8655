export { createSimulation, type Simulation, type SimulationOptions } from './create-simulation.ts'
export { createSimulatedSource, type SimulatedSourceOptions } from './weights/create-simulated-source.ts'
export type {
  ComputeSpeeds,
  DiskSpeeds,
  DiskWay,
  LinkName,
  SharesBesideReads,
  SimulatedHardware,
  Speed,
  WeightForm,
} from './scenario/hardware.ts'
export type { Scenario, ScenarioBudget, ScenarioChange, ScenarioLengths, ScenarioSpeed } from './scenario/scenario.ts'
export { sequenceLength } from './scenario/sequence-lengths.ts'
export { checkScenario } from './scenario/check-scenario.ts'
