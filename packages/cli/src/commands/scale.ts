import type { Command } from 'commander'
import { PandoError } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson } from '../context.js'
import { withRunning } from '../running.js'

const maxReplicas = 1000

export function scaleCommand(attach: Attach): Command {
  const command = newCommand('scale', 'run more or fewer instances of services').argument(
    '<service=replicas...>',
    'for example users=3 orders=1',
  )
  return attach(command, async (invocation) => {
    const { context, options, args } = invocation
    // All are read before the first is sent: a slip in the second must not leave the first done.
    const wishes = args.map(parseScale)
    await withRunning(daemonOf(invocation), async (control) => {
      for (const { service, replicas } of wishes) await control.scale(service, replicas)
    })
    if (options.json === true) printJson(context, wishes)
    else
      for (const { service, replicas } of wishes)
        print(context, `${service}: ${replicas} ${replicas === 1 ? 'instance is' : 'instances are'} wanted`)
    return 0
  })
}

/** Throws `usage` unless it is `NAME=COUNT` with a count of 0 to 1000. */
export function parseScale(text: string): { readonly service: string; readonly replicas: number } {
  const [, service, count] = /^([^=]+)=(.*)$/.exec(text) ?? []
  const hint = 'write it as SERVICE=REPLICAS, for example users=3'
  if (service === undefined || count === undefined) {
    throw new PandoError('usage', `"${text}" does not say how many instances of which service`, { hint })
  }
  if (!/^\d{1,9}$/.test(count))
    throw new PandoError('usage', `"${count}" in "${text}" is no number of instances`, { hint })
  const replicas = Number(count)
  if (replicas > maxReplicas) {
    throw new PandoError(
      'usage',
      `${replicas} instances of ${service} are more than ${maxReplicas}, the most there may be`,
    )
  }
  return { service, replicas }
}
