import { existsSync, lstatSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PandoError } from '@pando/model'
import type { Context } from '../context.js'
import type { Daemon } from '../daemon/daemon.js'
import { readManifest, renderDiagnostics, sourceRooms, type ReadManifest } from '../manifest-reader.js'
import type { View } from '../up/view.js'
import { FolderWatch } from './folder-watch.js'
import { PendingFiles, type PendingFile } from './pending-files.js'
import { rebuild } from './rebuild.js'
import { Schedule, type Action, type Job } from './schedule.js'
import { rulesOf, watchedBy } from './watched.js'

const retryMs = 500
const mostNamed = 3
/** A control plane that has died is started again within seconds. */
const mostTries = 60
/** The key of the manifest among those of services, whose names are never empty. */
const manifestKey = ''

export interface DevelopmentOptions {
  /** Absolute path of the manifest. */
  readonly path: string
  readonly manifest: ReadManifest
  /** Those that were asked for besides PANDO_PROFILES. */
  readonly profiles: readonly string[]
  readonly context: Context
  readonly daemon: Daemon
  readonly view: Pick<View, 'note'>
}

/**
 * `up --watch`: watches what the manifest says and asks the control plane for what follows from a change. It lives in the terminal's
 * process: it is for somebody who looks on, and ends with the terminal. What is true throughout:
 * - no mistake in a file ends it: it is shown, and the next change tries again;
 * - what is watched is what the last manifest without a mistake says.
 */
export class Development {
  readonly #options: DevelopmentOptions
  readonly #schedule = new Schedule()
  readonly #ended = new AbortController()
  readonly #files = new PendingFiles()
  readonly #rollouts = new Map<string, AbortController>()
  #manifest: ReadManifest
  #watches: FolderWatch[] = []
  #timer: NodeJS.Timeout | null = null

  constructor(options: DevelopmentOptions) {
    this.#options = options
    this.#manifest = options.manifest
  }

  async start(): Promise<void> {
    await this.#watch()
    const names = Object.values(this.#manifest.app.services)
      .filter((service) => rulesOf(service).length > 0)
      .map(({ name }) => name)
    const what = names.length === 0 ? 'the manifest only' : `the manifest and ${names.join(', ')}`
    this.#note(this.#options.context.paint.dim(`Watching ${what}.`))
  }

  close(): void {
    this.#ended.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const controller of this.#rollouts.values()) controller.abort()
    for (const watch of this.#watches) watch.close()
  }

  /** Watches anew, the new before the old ends. */
  async #watch(): Promise<void> {
    const { app, files } = this.#manifest
    const { ignoreRules, sourceRules } = await sourceRooms()
    const fresh: FolderWatch[] = []
    for (const service of Object.values(app.services)) {
      const source = await sourceRules(service.revision.build)
      for (const rule of rulesOf(service)) {
        const watched = watchedBy(service, rule, { ignoreRules, source })
        fresh.push(
          this.#watchOf(rule.path, watched.isIgnored, (path) => {
            if (path !== '' && !watched.isIncluded(path)) return
            const { target } = rule
            if (target !== undefined && isToSync(rule.path, path)) {
              this.#files.add(service.name, { path: rule.path, target }, path)
            }
            this.#change(service.name, rule.action, join(rule.path, path))
          }),
        )
      }
    }
    for (const file of files) {
      fresh.push(
        this.#watchOf(
          file,
          () => false,
          () => this.#change(manifestKey, 'apply', file),
        ),
      )
    }
    for (const watch of this.#watches.splice(0)) watch.close()
    this.#watches = fresh
    if (this.#ended.signal.aborted) this.close()
  }

  #watchOf(
    path: string,
    isIgnored: (path: string, isFolder: boolean) => boolean,
    onChange: (path: string) => void,
  ): FolderWatch {
    return new FolderWatch({ path, isIgnored, onChange, onError: (error) => void this.#show('watch', error) })
  }

  #change(key: string, action: Action, path: string): void {
    this.#schedule.change(key, action, relative(dirname(this.#options.path), path), this.#options.context.now())
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const at = this.#schedule.nextAt()
    if (at === null || this.#ended.signal.aborted) return
    this.#timer = setTimeout(
      () => {
        for (const job of this.#schedule.take(this.#options.context.now())) void this.#perform(job)
        this.#arm()
      },
      Math.max(at - this.#options.context.now(), 1),
    )
  }

  async #perform(job: Job): Promise<void> {
    const { files, isWhole } = this.#files.take(job.key)
    try {
      if (!isWhole && job.action !== 'rebuild') throw tooMany(job.key)
      await this.#patiently(() => this.#act(job, files))
    } catch (error) {
      const isRefused = error instanceof PandoError && error.isUserMistake
      if (!isRefused && isWhole) this.#files.giveBack(job.key, files)
      if (!this.#ended.signal.aborted) await this.#show(job.key, error)
    } finally {
      this.#schedule.done(job.key)
      this.#arm()
    }
  }

  async #act({ key, action, paths }: Job, files: readonly PendingFile[]): Promise<void> {
    const { context, daemon } = this.#options
    const say = (what: string): void =>
      this.#note(`${context.paint.name(key || 'manifest')} ${this.#named(paths)} changed: ${what}`)
    if (action === 'apply') return this.#apply(say)
    // What is built has the files as they are.
    if (action !== 'rebuild' && files.length > 0) {
      say(action === 'sync' ? 'syncing' : 'syncing and restarting')
      try {
        await daemon.control().sync(key, files)
      } finally {
        // That a deleted file stays, or what else was in the way, is said; the rest has been put.
        if (action !== 'sync') await daemon.control().restart(key)
      }
      return
    }
    if (action === 'sync') return
    if (action === 'restart' || action === 'sync+restart') {
      say('restarting')
      return daemon.control().restart(key)
    }
    this.#rollouts.get(key)?.abort()
    const rollout = new AbortController()
    this.#rollouts.set(key, rollout)
    say('deploying')
    const isNew = await rebuild({
      service: key,
      request: { manifest: this.#options.path, variables: this.#manifest.variables },
      control: () => daemon.control(),
      note: (text) => this.#note(text),
      now: () => context.now(),
      signal: rollout.signal,
    })
    if (!isNew) this.#note(`${context.paint.name(key)} is as it was; nothing to deploy`)
  }

  async #apply(say: (what: string) => void): Promise<void> {
    const { path, context, daemon, profiles } = this.#options
    const manifest = await readManifest(path, context.env, profiles)
    if (manifest.warnings.length > 0) this.#note(await renderDiagnostics(manifest.warnings, context))
    const { added, changed, removed } = await daemon.control().apply({ manifest: path, variables: manifest.variables })
    const parts = Object.entries({ added, changed, removed }).filter(([, names]) => names.length > 0)
    say(parts.map(([word, names]) => `${word} ${names.join(', ')}`).join('; ') || 'no service is another one')
    this.#manifest = manifest
    await this.#watch()
  }

  /** A control plane that is not there is on its way back. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await work()
      } catch (error) {
        const isAway = error instanceof PandoError && error.code === 'unavailable'
        if (!isAway || tries >= mostTries || this.#ended.signal.aborted) throw error
        await delay(retryMs, undefined, { signal: this.#ended.signal })
      }
    }
  }

  async #show(what: string, error: unknown): Promise<void> {
    const { context } = this.#options
    const { message, hint, diagnostics } = PandoError.from(error)
    const rows = [`${context.paint.red('failed:')} ${what || 'manifest'}: ${message}`]
    if (diagnostics !== undefined && diagnostics.length > 0) rows.push(await renderDiagnostics(diagnostics, context))
    if (hint !== undefined) rows.push(context.paint.cyan(`  ${hint}`))
    rows.push(context.paint.dim('What runs goes on; the next change tries again.'))
    this.#note(rows.join('\n'))
  }

  /** What was there for the time of a save alone need not be named; what was deleted must be. */
  #named(paths: readonly string[]): string {
    const folder = dirname(this.#options.path)
    const left = paths.filter((path) => existsSync(join(folder, path)))
    const told = left.length > 0 ? left : paths
    return `${told.slice(0, mostNamed).join(', ')}${told.length > mostNamed ? ` and ${told.length - mostNamed} more` : ''}`
  }

  #note(text: string): void {
    if (!this.#ended.signal.aborted) this.#options.view.note(text)
  }
}

/** A folder by itself is nothing to put. A rule's own path that is away is about to come back, as in a checkout of another branch. */
function isToSync(path: string, below: string): boolean {
  const found = lstatSync(join(path, below), { throwIfNoEntry: false })
  return found === undefined ? below !== '' : !found.isDirectory()
}

function tooMany(service: string): PandoError {
  return new PandoError('too_large', `more files of ${service} have changed at once than are put into a container`, {
    hint: `pando deploy ${service} builds it as it is now`,
  })
}
