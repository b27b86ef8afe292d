import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson } from '../context.js'
import { parseCount } from '../count.js'
import { parseSince } from '../render/duration.js'
import { renderRequestWhy, renderServiceWhy } from '../render/explanation.js'
import { withRunning } from '../running.js'

interface WhyOptions {
  readonly tail: string
  readonly since?: string
}

/** What the gateway makes. A client may bring an id of its own; that takes `--request` unless it looks like this. */
const requestId = /^[0-9a-f]{32}$/

export function whyCommand(attach: Attach): Command {
  const command = newCommand('why', 'explain the state of a service, or a request by the id in its answer')
    .argument('<service-or-request>', 'a service, or what X-Request-Id or `requestId` says')
    .option('-n, --tail <count>', 'at most so many moments of the timeline, the newest', '30')
    .option('--since <when>', 'only what is newer: 10m, 1h30m, or an ISO date and time')
    .option('--request', 'it is the id of a request, whatever it looks like')
  return attach<WhyOptions & { readonly request?: boolean }>(command, async (invocation) => {
    const { context, options, args } = invocation
    const subject = args[0] ?? ''
    const limit = parseCount(options.tail, '--tail', { most: 1_000 })
    const since = options.since === undefined ? null : parseSince(options.since, context.now())
    const isRequest = options.request === true || requestId.test(subject)
    const view = { paint: context.paint, now: context.now() }
    await withRunning(daemonOf(invocation), async (control) => {
      if (isRequest) {
        const found = await control.whyRequest(subject)
        if (options.json === true) printJson(context, found)
        else print(context, renderRequestWhy(found, view))
      } else {
        const found = await control.whyService(subject, { since, limit })
        if (options.json === true) printJson(context, found)
        else print(context, renderServiceWhy(found, view))
      }
    })
    return 0
  })
}
