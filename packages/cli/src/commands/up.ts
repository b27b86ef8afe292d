import { Option, type Command } from 'commander'
import { PandoError } from '@pando/model'
import { daemonAt, newCommand, projectOf, type Attach } from '../command.js'
import { note, printJson, type Context } from '../context.js'
import type { Daemon } from '../daemon/daemon.js'
import { callOf } from '../call.js'
import { renderOutcome } from '../deploy/outcome.js'
import { readManifest, renderDiagnostics } from '../manifest-reader.js'
import { withRememberedDriver } from '../remembered-driver.js'
import { parseDuration } from '../render/duration.js'
import { Attachment } from '../up/attachment.js'
import { openApp } from '../up/open-app.js'
import { StopRequests } from '../up/stop-requests.js'
import { Development } from '../watch/development.js'
import { LineView, QuietView, type View, type ViewOptions } from '../up/view.js'

interface UpOptions {
  readonly detach?: boolean
  readonly driver?: string
  readonly profile: readonly string[]
  readonly watch?: boolean
  readonly timeout: string
}

const failureLines = 12

const collect = (name: string, before: readonly string[]): readonly string[] => [...before, name]

export function upCommand(attach: Attach): Command {
  const command = newCommand('up', 'run everything that the manifest describes; Ctrl-C stops it')
    .option('-d, --detach', 'come back when all is ready and rollouts have ended, and leave it running')
    .option('--profile <name>', 'with the services of this profile; may be given more than once', collect, [])
    .option('-w, --watch', 'build and roll a service when its files change, and apply the manifest when it does')
    .addOption(
      new Option('--driver <driver>', 'what runs services that do not say it themselves (or PANDO_DRIVER)').choices([
        'process',
        'container',
      ]),
    )
    .option('--timeout <time>', 'with -d: wait at most so long', '10m')
  return attach<UpOptions>(command, async (invocation) => {
    const { options } = invocation
    const said = options.driver === undefined ? {} : { PANDO_DRIVER: options.driver }
    const timeoutMs = parseDuration(options.timeout, '--timeout')
    if (options.watch === true && options.detach === true) {
      throw new PandoError('usage', '--watch needs a terminal to tell what it does; --detach leaves none')
    }
    const project = projectOf(invocation)
    const daemon = daemonAt(project.stateDir, invocation.context)
    const env = await withRememberedDriver(daemon, { ...invocation.context.env, ...said })
    const context = { ...invocation.context, env }
    // Every mistake is said before anything is started or touched.
    const manifest = await readManifest(project.manifest, context.env, options.profile)
    const { app, variables, warnings } = manifest
    if (warnings.length > 0) note(context, await renderDiagnostics(warnings, context))
    let development: Development | null = null
    const stops = new StopRequests({ env: context.env, now: () => context.now() })
    try {
      const isDetached = options.detach === true
      const deadline = context.now() + timeoutMs
      const speech = { command: callOf(context, project, options), services: Object.keys(app.services) }
      const view = await viewFor(context, speech, options.json === true)
      view.note(context.paint.dim(`${app.name}: ${project.manifest}`))
      const opened = await openApp(daemon, { manifest: project.manifest, variables }, deadline)
      if (opened.note !== '') view.note(opened.note)
      if (options.watch === true) {
        development = new Development({
          path: project.manifest,
          manifest,
          profiles: options.profile,
          context,
          daemon,
          view,
        })
        await development.start()
      }
      const attachment = new Attachment({
        daemon,
        view,
        stops,
        after: opened.after,
        until: isDetached ? { deadline, deployed: opened.deployed } : 'stopped',
        now: () => context.now(),
        logTail: (service) => logTail(daemon, service),
      })
      const { code, status, outcomes } = await attachment.run()
      // The board is gone with the attachment; pipes have had the summary already.
      if (isDetached && status !== null) {
        if (options.json === true) printJson(context, status)
        else if (context.stdout.isTTY === true) new LineView(context, speech).settled(status)
        for (const [service, outcome] of outcomes) {
          const line = renderOutcome(service, outcome, { paint: context.paint, command: speech.command })
          if (line !== null) context.stderr.write(line)
        }
      }
      return code
    } finally {
      development?.close()
      stops.close()
    }
  })
}

async function viewFor(context: Context, speech: ViewOptions, isJson: boolean): Promise<View> {
  if (isJson) return new QuietView(context)
  if (context.stdout !== process.stdout || !process.stdout.isTTY) return new LineView(context, speech)
  const { BoardView } = await import('../up/board-view.js')
  return new BoardView(context, speech, process.stdout)
}

async function logTail(daemon: Daemon, service: string): Promise<readonly string[]> {
  const lines: string[] = []
  try {
    const query = { services: [service], since: null, tail: failureLines, follow: false }
    for await (const line of daemon.control().logs(query, AbortSignal.timeout(5_000))) lines.push(line.line)
  } catch {
    // The reason has been said; its log is an extra.
  }
  return lines.slice(-failureLines)
}
