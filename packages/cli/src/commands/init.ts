import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { FoundService } from '@pando/control-plane'
import { PandoError } from '@pando/model'
import { Command } from 'commander'
import type { Attach } from '../command.js'
import { note, print } from '../context.js'
import { initManifest } from '../manifest-reader.js'
import type { Paint } from '../paint.js'
import { manifestNames } from '../project.js'
import { renderTable } from '../render/table.js'

interface InitOptions {
  readonly force?: boolean
  readonly print?: boolean
}

export function initCommand(attach: Attach): Command {
  const command = new Command('init')
    .description('write a manifest for the services in a folder')
    .argument('[folder]', 'where the services are (default: here)')
    .option('--force', 'write over a manifest that is there')
    .option('--print', 'show it instead of writing it')
  return attach<InitOptions>(command, async ({ context, options, args }) => {
    const folder = resolve(context.cwd, args[0] ?? '.')
    const there = manifestNames.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (there !== undefined && options.force !== true && options.print !== true) {
      throw new PandoError('usage', `${there} is there already`, {
        hint: 'look at a new one with: pando init --print. Write over it with: pando init --force',
      })
    }
    const { text, services } = await initManifest(folder)
    if (options.print === true) {
      print(context, text)
      return 0
    }
    const path = there ?? join(folder, manifestNames[0])
    await writeFile(path, text)
    print(context, renderFound(services, context.paint))
    note(context, `\nWritten to ${path}. Look at it, then: pando up`)
    return 0
  })
}

function renderFound(services: readonly FoundService[], paint: Paint): string {
  const rows = services.map((service) => [
    paint.name(service.name),
    service.folder,
    service.kind,
    service.obstacle ?? service.advice ?? service.evidence,
  ])
  return renderTable(['SERVICE', 'FOLDER', 'KIND', 'NOTE'], rows, { paint })
}
