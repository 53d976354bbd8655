/** One of the project's error codes. */
export type ErrorCode =
  | 'INTERNAL'
  | 'USAGE'
  | 'PROMPT_TOO_LONG'
  | 'PROMPT_EMPTY'
  | 'ID_OUT_OF_VOCABULARY'
  | 'INFEASIBLE'
  | 'MODEL_NOT_FOUND'
  | 'FILE_NOT_FOUND'
  | 'PACKAGE_NOT_FOUND'
  | 'BACKEND_UNAVAILABLE'
  | 'OUT_OF_MEMORY'
  | 'OUT_OF_DISK'
  | 'NOT_WRITABLE'
  | 'READ_FAILED'
  | 'CORRUPT_DATA'
  | 'UNSUPPORTED_DATA'
  | 'ABORTED'

/** What stands behind a code: exit code of the command line, meaning and remedy. */
export interface ErrorCodeInfo {
  readonly exitCode: number
  readonly meaning: string
  readonly remedy: string
}

/**
 * Every error code of the project with the exit code of the command line and the remedy that users read.
 *
 * Exit codes: 1 bug, 2 usage, 3 infeasible plan or budget, 4 not found, 5 backend unavailable,
 * 6 out of memory or disk, 7 corrupt or unsupported data, 130 and 143 signals.
 */
export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeInfo>> = {
  INTERNAL: { exitCode: 1, meaning: 'a bug in this project', remedy: 'report it with the output of --verbose 3' },
  USAGE: { exitCode: 2, meaning: 'a flag, option or argument is wrong', remedy: 'see --help' },
  PROMPT_TOO_LONG: {
    exitCode: 2,
    meaning: 'prompt and new tokens need more positions than the model has',
    remedy: 'shorten the prompt or lower --max-new-tokens',
  },
  PROMPT_EMPTY: { exitCode: 2, meaning: 'a prompt has no token id', remedy: 'give at least one id' },
  ID_OUT_OF_VOCABULARY: {
    exitCode: 2,
    meaning: 'a token id is outside the vocabulary',
    remedy: 'use ids of the tokenizer that belongs to the model',
  },
  INFEASIBLE: {
    exitCode: 3,
    meaning: 'the run does not fit the budgets',
    remedy: 'raise the budget named, put more on disk with --percent, or make the batch smaller',
  },
  MODEL_NOT_FOUND: { exitCode: 4, meaning: 'there is no model at that place', remedy: 'check --model and --path' },
  FILE_NOT_FOUND: { exitCode: 4, meaning: 'a file is missing', remedy: 'check the path' },
  PACKAGE_NOT_FOUND: { exitCode: 5, meaning: 'an optional package is not installed', remedy: 'install it' },
  BACKEND_UNAVAILABLE: {
    exitCode: 5,
    meaning: 'the backend cannot run on this machine',
    remedy: 'run flexgen doctor, or take another --backend',
  },
  OUT_OF_MEMORY: { exitCode: 6, meaning: 'an allocation failed', remedy: 'lower --max-ram or put more on disk' },
  OUT_OF_DISK: {
    exitCode: 6,
    meaning: 'the disk is full',
    remedy: 'free space, or choose another place (--offload-dir, --output, --trace)',
  },
  NOT_WRITABLE: {
    exitCode: 6,
    meaning: 'a place cannot be written',
    remedy: 'choose another folder or change its permissions',
  },
  READ_FAILED: { exitCode: 7, meaning: 'a file could not be read', remedy: 'check the disk and the file' },
  CORRUPT_DATA: { exitCode: 7, meaning: 'a file is damaged', remedy: 'fetch the file again' },
  UNSUPPORTED_DATA: { exitCode: 7, meaning: 'a file has a form that is not supported', remedy: 'convert it' },
  ABORTED: { exitCode: 130, meaning: 'the run was stopped', remedy: 'start it again' },
}
