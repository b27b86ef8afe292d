import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { PandoError } from '@pando/model'
import { daemonAt, newCommand, projectOf, type Attach } from '../command.js'
import { note, print, printJson } from '../context.js'
import { lastEventOf, waitForDeployments, waitOptions, type WaitOptions } from '../deploy/wait.js'
import { readManifestVariables, renderDiagnostics } from '../manifest-reader.js'
import { findProject, findStateDir } from '../project.js'
import { withRememberedDriver } from '../remembered-driver.js'
import { withRunning } from '../running.js'

export function deployCommand(attach: Attach): Command {
  const command = waitOptions(
    newCommand('deploy', 'build and roll one service, and touch no other').argument(
      '<service>',
      'a service of the manifest, or a folder with a manifest of its own that joins the app, for example ./users',
    ),
  )
  return attach<WaitOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const [what = ''] = args
    const folder = folderOf(context.cwd, what)
    const stateDir = findStateDir(context.cwd, options)
    const manifest = folder === null ? projectOf(invocation).manifest : findProject(folder, { file: folder }).manifest
    const daemon = daemonAt(stateDir, context)
    const { after, deployed } = await withRunning(daemon, async (control) => {
      const present = (await control.status()).services.map(({ name }) => name)
      const env = await withRememberedDriver(daemon, context.env)
      const { variables, warnings } = await readManifestVariables(manifest, env, folder === null ? [] : present)
      if (warnings.length > 0) note(context, await renderDiagnostics(warnings, context))
      const services = folder === null ? [what] : []
      return { after: await lastEventOf(control), deployed: await control.deploy({ manifest, variables, services }) }
    })
    for (const { service, revision, isNew } of options.json === true ? [] : deployed) {
      print(
        context,
        isNew
          ? `${service}: revision ${revision}`
          : `${service}: revision ${revision} is deployed already; nothing changes`,
      )
    }
    const fresh = deployed.filter(({ isNew }) => isNew)
    const code = await waitForDeployments({ context, daemon, deployed: fresh, after, options })
    if (options.json === true) printJson(context, deployed)
    return code
  })
}

/** A word with a `/` (or `.`) is a folder; service names have neither. */
function folderOf(cwd: string, what: string): string | null {
  if (!/[./]/.test(what)) return null
  const folder = resolve(cwd, what)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder
  throw new PandoError('usage', `there is no folder ${folder}`, {
    hint: 'name a service, or a folder with a pando.yaml',
  })
}
