import type { Command } from 'commander'
import type { ServiceDiff } from '@pando/control-plane'
import { daemonAt, newCommand, projectOf, type Attach } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { readManifest } from '../manifest-reader.js'
import { withRememberedDriver } from '../remembered-driver.js'
import { withRunning } from '../running.js'

export function diffCommand(attach: Attach): Command {
  const command = newCommand('diff', 'show what pando up would change: manifest and sources against what runs')
  return attach(command, async (invocation) => {
    const { context, options } = invocation
    const { manifest, stateDir } = projectOf(invocation)
    const daemon = daemonAt(stateDir, context)
    const { variables } = await readManifest(manifest, await withRememberedDriver(daemon, context.env))
    const diffs = await withRunning(daemon, (control) => control.diff({ manifest, variables }))
    const changed = diffs.filter(({ change }) => change !== 'unchanged')
    if (options.json === true) printJson(context, diffs)
    else if (changed.length === 0) print(context, 'Nothing would change.')
    else print(context, changed.map((diff) => render(diff, context)).join('\n'))
    return 0
  })
}

function render({ service, change, before, after, fields, files }: ServiceDiff, { paint }: Context): string {
  if (change === 'added') return `${paint.green('+')} ${paint.name(service)} is added`
  if (change === 'removed') return `${paint.red('-')} ${paint.name(service)} is removed`
  const rolls = before === after ? 'changes in place' : `${before} → ${after}`
  const lines = [`${paint.yellow('~')} ${paint.name(service)} ${rolls}`]
  for (const field of fields) lines.push(`    ${field.field}: ${field.before ?? '(none)'} → ${field.after ?? '(none)'}`)
  if (files !== null) {
    const counts = [`${files.changed} changed`, `${files.added} added`, `${files.removed} removed`]
    lines.push(`    files: ${counts.filter((count) => !count.startsWith('0 ')).join(', ') || 'the same'}`)
  }
  return lines.join('\n')
}
