export { demoModelPath } from './demo-model-path.ts'
export { demoPrompts } from './demo-prompts.ts'
