#!/usr/bin/env node
// What is imported below needs it.
import './check-node.ts'
// The pool's size counts only when it is set before the first asynchronous file access: this import stays before the others.
import './thread-pool.ts'
import { runCli } from './run-cli.ts'

process.exitCode = await runCli(process.argv.slice(2))
