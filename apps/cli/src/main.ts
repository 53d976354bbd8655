#!/usr/bin/env node
// The pool's size counts only when it is set before the first asynchronous file access: this import stays first.
import './thread-pool.ts'
import { runCli } from './run-cli.ts'

process.exitCode = await runCli(process.argv.slice(2))
