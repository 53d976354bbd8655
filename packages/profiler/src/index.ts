export type { CreateDisk } from './links/measure-disk.ts'
export { cardEffort, fullEffort, type MeasureEffort } from './kernels/measure-effort.ts'
export { profileMachine, type ProfileMachineOptions } from './profile-machine.ts'
