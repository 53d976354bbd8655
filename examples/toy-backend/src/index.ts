export { createToyBackend } from './create-toy-backend.ts'
