import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print } from '../context.js'
import { parseCount } from '../count.js'
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
    const renderer = new LogLineRenderer({ paint: context.paint, hasTimes: options.timestamps === true })
    await untilInterrupted((signal) =>
      withRunning(daemonOf(invocation), async (control) => {
        for await (const line of control.logs(query, signal)) {
          print(context, options.json === true ? JSON.stringify(line) : renderer.render(line))
        }
      }),
    )
    return 0
  })
}
