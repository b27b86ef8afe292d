import type { LogQuery } from '@pando/control-plane'
import { PandoError, type LogLine } from '@pando/model'
import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { note, print } from '../context.js'
import { parseCount } from '../count.js'
import type { Daemon } from '../daemon/daemon.js'
import { untilInterrupted } from '../interrupt.js'
import { parseSince } from '../render/duration.js'
import { LogLineRenderer } from '../render/log-line.js'
import { withRunning } from '../running.js'

interface LogsOptions {
  readonly follow?: boolean
  readonly tail?: string
  readonly since?: string
  readonly timestamps?: boolean
}

export function logsCommand(attach: Attach): Command {
  const command = newCommand('logs', 'show what services write', { follows: true })
    .argument('[services...]', 'names of services (default: all)')
    .option('-n, --tail <count>', 'at most so many last lines of each instance')
    .option('--since <when>', 'only what is newer: 10m, 1h30m, or an ISO date and time')
    .option('-t, --timestamps', 'with the time of each line')
  return attach<LogsOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const query = {
      services: [...new Set(args)],
      since: options.since === undefined ? null : parseSince(options.since, context.now()),
      tail: options.tail === undefined ? null : parseCount(options.tail, '--tail', { most: 1_000_000 }),
      follow: options.follow === true,
    }
    const daemon = daemonOf(invocation)
    const renderer = new LogLineRenderer({ paint: context.paint, hasTimes: options.timestamps === true })
    let shown = 0
    const show = (line: LogLine): void => {
      shown++
      print(context, options.json === true ? JSON.stringify(line) : renderer.render(line))
    }
    await untilInterrupted(async (signal) => {
      try {
        await withRunning(daemon, async (control) => {
          for await (const line of control.logs(query, signal)) show(line)
        })
      } catch (error) {
        const isGone = error instanceof PandoError && error.code === 'unavailable'
        if (!isGone || query.follow || shown > 0) throw error
        for await (const line of leftBehind(daemon, query, signal)) {
          if (shown === 0) note(context, 'Pando is not running here; this is what its last run wrote.')
          show(line)
        }
        if (shown === 0) throw error
      }
    })
    return 0
  })
}

/** Logs outlive those who wrote them, and the control plane: they are read from the state directory when nobody answers. */
async function* leftBehind(daemon: Daemon, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const { InstanceLogs, systemClock } = await import('@pando/control-plane')
  yield* new InstanceLogs({ stateDir: daemon.stateDir, clock: systemClock }).read(query, signal)
}
