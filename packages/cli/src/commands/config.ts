import type { Command } from 'commander'
import { newCommand, projectOf, type Attach } from '../command.js'
import { note, print } from '../context.js'
import { readManifest, renderConfig, renderDiagnostics } from '../manifest-reader.js'

export function configCommand(attach: Attach): Command {
  const command = newCommand('config', 'check the manifest and show what was understood').option(
    '--show-secrets',
    'show values that look secret as well',
  )
  return attach<{ readonly showSecrets?: boolean }>(command, async (invocation) => {
    const { context, options } = invocation
    const { app, warnings } = await readManifest(projectOf(invocation).manifest, context.env)
    if (warnings.length > 0) note(context, await renderDiagnostics(warnings, context))
    const format = options.json === true ? 'json' : 'yaml'
    print(context, await renderConfig(app, { showSecrets: options.showSecrets === true, format }))
    return 0
  })
}
