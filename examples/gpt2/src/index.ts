export { type Gpt2Config, parseGpt2Config } from './gpt2-config.ts'
export { createGpt2Model, gpt2Family } from './gpt2-family.ts'
