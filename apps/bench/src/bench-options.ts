import type { CaseFlags } from './case/case-flags.ts'
import type { FlexLlmGenPlace } from './compare/flexllmgen-side.ts'
import type { CaseProgress } from './measure/measure-case.ts'

/** What a benchmark is told; everything has a default. */
export interface BenchOptions {
  /** Flags of the one case, or over those of every case of a suite, or under those of every command. */
  readonly flags?: CaseFlags | undefined
  /** A named suite. */
  readonly suite?: string | undefined
  /** Keeps the cases of the suite whose title contains this text, or one of several between `|`. */
  readonly only?: string | undefined
  /** Cases as commands of FlexGen's or our flags, as `COMMAND` or `TITLE: COMMAND`. */
  readonly commands?: readonly string[] | undefined
  /** Foreign commands that are run beside, as `COMMAND` or `TITLE: COMMAND`. */
  readonly against?: readonly string[] | undefined
  /** The original, run beside ours with the same shapes and made-up weights. */
  readonly compare?: FlexLlmGenPlace | undefined
  /** Measured runs of each side. Default 3; 1 on a simulated machine, where all are the same. */
  readonly repeat?: number | undefined
  /** Whole runs of each side that are thrown away first. Default 1; 0 on a simulated machine. */
  readonly warmUp?: number | undefined
  /**
   * Tokens that our engine generates before each measured run, for short prompts. Default 1 as FlexGen does it, but 0
   * beside a foreign command, which does nothing of the kind.
   */
  readonly warmUpTokens?: number | undefined
  /** Time for all of it: what has no time left is not begun, what is under way then is stopped, and the rest is left to `resume`. */
  readonly timeLimitSeconds?: number | undefined
  /** Where results and reports go. Default `flexgen-bench/NAME-TIME`. */
  readonly outputDir?: string | undefined
  /** Go on with the results that the folder has. */
  readonly resume?: boolean | undefined
  /** File that FlexGen's log is appended to; `auto`, the default, is one in the output folder for each case. */
  readonly logFile?: string | undefined
  /** False for no log. */
  readonly log?: boolean | undefined
  readonly title?: string | undefined
  /** File for a Chrome trace of the first measured run; with several sides each has one of its own, `FILE-1.json`. */
  readonly trace?: string | undefined
  /** Print the report as one JSON object instead of text. */
  readonly json?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where a benchmark prints to. */
export interface BenchOutput {
  /** A line of data. */
  out(line: string): void
  /** A line for people who watch. */
  log(line: string): void
  /** How far the run that is under way has come. */
  progress?(step: CaseProgress): void
  /** Removes what `progress` has drawn. */
  clearProgress?(): void
}
