import { setTimeout as delay } from 'node:timers/promises'
import { PandoError, type AppStatus } from '@pando/model'
import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { note, print, printJson } from '../context.js'
import type { Daemon } from '../daemon/daemon.js'
import { isAlive } from '../daemon/process-life.js'
import { parseDuration } from '../render/duration.js'
import { leftOf } from '../up/remains.js'

const pollMs = 100

/** `empty`: a control plane that has no app yet is there to be stopped all the same. */
type Reached =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'app'; readonly status: AppStatus }

export function downCommand(attach: Attach): Command {
  const command = newCommand('down', 'stop everything, gently').option('--timeout <time>', 'wait at most so long', '5m')
  return attach<{ readonly timeout: string }>(command, async (invocation) => {
    const { context, options } = invocation
    const deadline = context.now() + parseDuration(options.timeout, '--timeout')
    const daemon = daemonOf(invocation)
    const reached = await reach(daemon)
    const hadSomething = reached.kind !== 'nobody' || daemon.hasLeftovers
    let result = 'Nothing is running.'
    if (reached.kind !== 'nobody') {
      const name = reached.kind === 'app' ? reached.status.name : 'the control plane'
      if (options.json !== true) note(context, `Stopping ${name} …`)
      await stop(daemon, reached, () => context.now() > deadline)
      result = `${name} is stopped.`
    } else if (hadSomething) {
      await daemon.sweep()
      result = 'Nothing is running; what an earlier run may have left is stopped.'
    }
    daemon.assertAllStopped()
    if (options.json === true) printJson(context, { stopped: hadSomething })
    else print(context, result)
    return 0
  })
}

async function reach(daemon: Daemon): Promise<Reached> {
  try {
    const status = await daemon.control().status()
    return status.name === '' ? { kind: 'empty' } : { kind: 'app', status }
  } catch (error) {
    if (!(error instanceof PandoError)) throw error
    if (error.code === 'unavailable') return { kind: 'nobody' }
    throw error
  }
}

async function stop(daemon: Daemon, reached: Reached, isLate: () => boolean): Promise<void> {
  await daemon.control().down()
  let last = reached.kind === 'app' ? reached.status : null
  for (;;) {
    const current = await reach(daemon)
    if (current.kind === 'app') last = current.status
    if (current.kind === 'nobody' && (last === null || !isAlive(last.pid))) break
    if (isLate()) {
      const left = last === null ? [] : leftOf(last)
      throw new PandoError(
        'timeout',
        `not all has stopped in time; still there: ${left.join(', ') || 'the control plane'}`,
        {
          hint: 'it goes on stopping: see pando ps, or wait longer with --timeout',
        },
      )
    }
    await delay(pollMs)
  }
  // A control plane that was killed while it stopped things leaves some of them.
  if (last !== null && leftOf(last, isAlive).length > 0) await daemon.sweep()
}
