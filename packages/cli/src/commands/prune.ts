import type { Pruned, PrunedItem, PruneRequest } from '@pando/control-plane'
import { PandoError } from '@pando/model'
import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { note, print, printJson, type Context } from '../context.js'
import type { Daemon } from '../daemon/daemon.js'
import { stoppedUpkeep } from '../manifest-reader.js'
import { renderSize } from '../render/size.js'
import { renderTable } from '../render/table.js'

interface PruneOptions {
  readonly all?: boolean
  readonly dryRun?: boolean
}

export function pruneCommand(attach: Attach): Command {
  const command = newCommand('prune', 'remove images and builds of revisions that nobody can go back to')
    .option('-a, --all', 'also of those that could be gone back to; of an app that is down, everything')
    .option('-n, --dry-run', 'only show what would be removed')
  return attach<PruneOptions>(command, async (invocation) => {
    const { context, options } = invocation
    const request = { isAll: options.all === true, isDry: options.dryRun === true }
    const pruned = await prune(daemonOf(invocation), request, context)
    if (options.json === true) {
      printJson(context, { ...pruned, bytes: bytesOf(pruned.items) })
    } else {
      for (const text of pruned.notes) note(context, text)
      print(context, render(pruned.items, request, context))
    }
    return pruned.notes.length === 0 ? 0 : 1
  })
}

/** The control plane knows what runs; where none does, the state it left says what to keep. */
async function prune(daemon: Daemon, request: PruneRequest, context: Context): Promise<Pruned> {
  try {
    return await daemon.control().prune(request)
  } catch (error) {
    if (!(error instanceof PandoError) || error.code !== 'unavailable') throw error
  }
  return (await stoppedUpkeep()).pruneStopped(request, { stateDir: daemon.stateDir, environment: context.env })
}

function render(items: readonly PrunedItem[], { isDry }: PruneRequest, { paint }: Context): string {
  if (items.length === 0) return 'Nothing is old: all that is kept may still be needed.'
  const rows = items.map(({ kind, service, name, bytes }) => [paint.name(service), kind, name, renderSize(bytes)])
  const sum = renderSize(bytesOf(items))
  return `${renderTable(['SERVICE', 'WHAT', 'NAME', 'SIZE'], rows, { paint })}\n${isDry ? 'Would remove' : 'Removed'} ${sum}.`
}

function bytesOf(items: readonly PrunedItem[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0)
}
