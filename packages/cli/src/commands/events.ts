import { eventKinds, PandoError } from '@pando/model'
import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print } from '../context.js'
import { parseCount } from '../count.js'
import { untilInterrupted } from '../interrupt.js'
import { EventRenderer } from '../render/event-line.js'
import { withRunning } from '../running.js'

interface EventsOptions {
  readonly follow?: boolean
  readonly tail: string
  readonly warn?: boolean
}

export function eventsCommand(attach: Attach): Command {
  const command = newCommand('events', 'show what happened, in order', { follows: true })
    .argument('[service]', 'only what concerns this service')
    .option('-n, --tail <count>', 'the newest so many first', '50')
    .option('--warn', 'only warnings and errors')
  return attach<EventsOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const query = {
      after: null,
      limit: parseCount(options.tail, '--tail', { most: 10_000 }),
      service: args[0] ?? null,
      follow: options.follow === true,
    }
    const renderer = new EventRenderer({ paint: context.paint })
    await untilInterrupted((signal) =>
      withRunning(daemonOf(invocation), async (control) => {
        let isKnown = query.service === null || query.follow
        for await (const event of control.events(query, signal)) {
          isKnown = true
          if (options.warn === true && eventKinds[event.kind] === 'info') continue
          print(context, options.json === true ? JSON.stringify(event) : renderer.render(event))
        }
        if (isKnown || query.limit === 0) return
        const names = (await control.status()).services.map(({ name }) => name)
        if (query.service === null || names.includes(query.service)) return
        throw new PandoError('not_found', `there is no service ${query.service}`, {
          hint: `the services are ${names.join(', ')}`,
        })
      }),
    )
    return 0
  })
}
