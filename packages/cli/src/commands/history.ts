import type { Command } from 'commander'
import type { Deployment } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { renderDuration } from '../render/duration.js'
import { renderTable } from '../render/table.js'
import { withRunning } from '../running.js'

const words: Readonly<Record<Deployment['by'], string>> = {
  up: 'up',
  deploy: 'deploy',
  rollback: 'rollback',
  automatic_rollback: 'rollback by itself',
}

export function historyCommand(attach: Attach): Command {
  const command = newCommand('history', 'show what was deployed when, and how it went; newest first').argument(
    '[service]',
    'only this one',
  )
  return attach(command, async (invocation) => {
    const { context, options, args } = invocation
    const deployments = await withRunning(daemonOf(invocation), (control) => control.deployments(args[0] ?? null))
    if (options.json === true) printJson(context, deployments)
    else print(context, render(deployments, context))
    return 0
  })
}

function render(deployments: readonly Deployment[], context: Context): string {
  const { paint } = context
  const tone = {
    running: paint.yellow,
    healthy: paint.green,
    failed: paint.red,
    rolled_back: paint.red,
    superseded: paint.dim,
  }
  return renderTable(
    ['SERVICE', 'REVISION', 'AGE', 'BY', 'RESULT', ''],
    deployments.map(({ service, revision, at, by, result, reason }) => [
      paint.name(service),
      revision,
      renderDuration(context.now() - at),
      words[by],
      tone[result](result.replace('_', ' ')),
      paint.dim(reason.split('\n')[0] ?? ''),
    ]),
    { paint },
  )
}
