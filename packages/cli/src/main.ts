#!/usr/bin/env node
import type { Context } from './context.js'
import { paintFor } from './paint.js'
import { run } from './program.js'

const all = process.argv.slice(2)
const end = all.indexOf('--')
const isRefusal = (word: string, at: number): boolean => word === '--no-color' && (end === -1 || at < end)
// Taken out here, so that it may stand anywhere.
const args = all.filter((word, at) => !isRefusal(word, at))

const context: Context = {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  paint: paintFor({
    isTerminal: process.stdout.isTTY,
    isRefused: args.length < all.length,
    env: process.env,
  }),
  now: () => Date.now(),
}

// The reader of a pipe may leave at any time: `pando logs | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await run(args, context)
