export { createReferenceBackend, type ReferenceBackendOptions } from './create-reference-backend.ts'
