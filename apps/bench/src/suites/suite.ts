/** A case of a suite: a title, and its command in FlexGen's flags, which may be abbreviated. */
export interface SuiteCase {
  readonly title: string
  readonly command: string
}

/** A named list of cases. */
export interface Suite {
  readonly name: string
  /** The name in FlexGen's bench_suite.py, where it comes from there. */
  readonly flexgenName?: string
  /** One line for people. */
  readonly about: string
  /** The backend that it is for, where the flags name none. */
  readonly backend?: string
  readonly cases: readonly SuiteCase[]
}
