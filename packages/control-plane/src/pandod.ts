#!/usr/bin/env node
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import { systemClock } from './clock.js'
import { ControlPlane } from './control-plane.js'

/*
 * The control plane as a process. Started by the CLI in a session of its own, with its output in `<state-dir>/pandod.log`.
 *
 *   pandod --state-dir DIR --gateway-entry FILE [--down]
 *
 * `--down`: take over what an earlier control plane left, stop all of it, end. SIGTERM and SIGINT end the control plane only:
 * instances and gateway go on, as after any other end of it. Exit code 75 (EX_TEMPFAIL of sysexits(3)): another control plane has
 * this state directory.
 */
const { values } = parseArgs({
  options: {
    'state-dir': { type: 'string' },
    'gateway-entry': { type: 'string' },
    down: { type: 'boolean', default: false },
  },
})

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

/**
 * Straight to the file: a stream of Node's that could not write once, as on a full disk, ends the process, or keeps all that follows in
 * memory. What cannot be written is lost.
 */
function log(message: string): void {
  try {
    writeSync(process.stdout.fd, `${new Date().toISOString()} ${message}\n`)
  } catch {
    // There is nowhere to say it.
  }
}

function fault(what: string, error: unknown): void {
  log(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error; cause = cause.cause) {
    log(`  because: ${cause.stack ?? cause.message}`)
  }
}

// An end without a word would be the worst of faults. Instances go on; the next control plane adopts them.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    fault(event, error)
    process.exit(1)
  })
}

async function main(): Promise<void> {
  const stateDir = values['state-dir']
  const gatewayEntry = values['gateway-entry']
  if (stateDir === undefined || gatewayEntry === undefined) {
    throw new PandoError('usage', 'pandod needs --state-dir and --gateway-entry', {
      hint: 'use `pando up`, which starts it',
    })
  }
  const controlPlane = await ControlPlane.open({
    stateDir: resolve(stateDir),
    socketPath: join(resolve(stateDir), 'control.sock'),
    gatewayEntry: resolve(gatewayEntry),
    clock: systemClock,
    random: Math.random,
    environment: process.env,
    version,
    isLast: values.down,
    onFault: fault,
  })
  log(`control plane ready (pid ${process.pid})`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log(`ending on ${signal}; instances and gateway go on`)
      void controlPlane.close().then(() => process.exit(0))
    })
  }
  if (values.down) await controlPlane.down()
  await controlPlane.finished
  log('down')
  process.exit(0)
}

main().catch((error: unknown) => {
  if (error instanceof PandoError && error.isUserMistake)
    log(`${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`)
  else fault('could not start', error)
  // Told apart, so that whoever started us can wait for the other one to answer.
  process.exit(error instanceof PandoError && error.code === 'conflict' ? 75 : 1)
})
