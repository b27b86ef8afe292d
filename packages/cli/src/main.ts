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

// The reader of a pipe may leave at any time: `pando logs | head` is no failure. Nor is a terminal that is closed. A command
// that has something to end first listens for this itself.
const isUnread = (error: NodeJS.ErrnoException): boolean => error.code === 'EPIPE' || error.code === 'EIO'
const leave = (error: NodeJS.ErrnoException): void => {
  if (!isUnread(error)) throw error
  if (process.stdout.listenerCount('error') === 1) process.exit(0)
}
process.stdout.on('error', leave)
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (!isUnread(error)) throw error
})

process.exitCode = await run(args, context)
