import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import { Command } from 'commander'
import type { Attach } from '../command.js'
import { note, print } from '../context.js'
import { initManifest } from '../manifest-reader.js'
import { manifestNames } from '../project.js'

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
      throw new PandoError('usage', `${there} is there already.`, {
        hint: 'Look at a new one with: pando init --print. Write over it with: pando init --force',
      })
    }
    const text = await initManifest(folder)
    if (options.print === true) {
      print(context, text)
      return 0
    }
    const path = there ?? join(folder, manifestNames[0])
    await writeFile(path, text)
    print(context, text)
    note(context, `Written to ${path}. Next: pando up`)
    return 0
  })
}
