import { setTimeout as delay } from 'node:timers/promises'
import { PandoError, type AppStatus } from '@pando/model'
import type { Daemon } from '../daemon/daemon.js'
import { isAlive, killGroup } from '../daemon/process-life.js'
import type { ExitCode } from '../failure.js'
import { firstLine } from '../render/service-table.js'
import { outcomesOf, type Outcome } from '../deploy/outcome.js'
import type { OpenedApp } from './open-app.js'
import { leftOf, pidsOf } from './remains.js'
import { judge, type FailingSince, type Failure, type Verdict } from './verdict.js'
import type { View } from './view.js'
import { Waker } from './waker.js'

const shortestPollMs = 50
const pendingPollMs = 250
const attachedPollMs = 1_000
const reconnectMs = 250
const maxRelaunches = 5
const relaunchWindowMs = 60_000

export interface AttachmentOptions {
  readonly daemon: Daemon
  readonly view: View
  readonly stops: { readonly count: number; onRequest(callback: () => void): void }
  /** Events up to this number are old. */
  readonly after: number
  /**
   * Detached: resolve when all is ready and the rollouts of what was `deployed` have ended, or something has failed, at the latest at
   * `deadline` (Unix time, ms), and leave everything running.
   */
  readonly until: 'stopped' | { readonly deadline: number; readonly deployed: OpenedApp['deployed'] }
  readonly now: () => number
  /** The last lines that a service wrote, to be shown when it fails. */
  readonly logTail: (service: string) => Promise<readonly string[]>
}

/**
 * A terminal's hold on a running app. What is true throughout:
 * - there is one loop, and only it decides; events and signals merely wake it;
 * - the control plane's absence is never taken for an end: unless a stop was asked for or announced, it is started again;
 * - after the loop has ended with `stopped`, no process of the app is left that the last status knew of.
 */
export class Attachment {
  readonly #options: AttachmentOptions
  readonly #waker = new Waker()
  readonly #ended = new AbortController()
  #last: AppStatus | null = null
  #failing: FailingSince = new Map()
  #shown = new Set<string>()
  /** Verdicts that have been shown: each is worth a summary once. */
  readonly #settled = new Set<Verdict['kind']>()
  /** Somebody asked for the stop, here or elsewhere. */
  #isStopping = false
  #stopsHeeded = 0
  #relaunches: number[] = []
  #outcomes: ReadonlyMap<string, Outcome> = new Map()

  constructor(options: AttachmentOptions) {
    this.#options = options
    options.stops.onRequest(() => this.#waker.wake())
  }

  /** Resolves with the exit code, the last status and what has become of rollouts; rejects when it has to give up. */
  async run(): Promise<{
    readonly code: ExitCode
    readonly status: AppStatus | null
    readonly outcomes: ReadonlyMap<string, Outcome>
  }> {
    const following = this.#follow()
    try {
      const code = await this.#attend()
      return { code, status: this.#last, outcomes: this.#outcomes }
    } finally {
      this.#ended.abort()
      this.#waker.wake()
      await following
      this.#options.view.close()
    }
  }

  async #attend(): Promise<ExitCode> {
    const { view } = this.#options
    for (;;) {
      const status = await this.#status()
      if (status === null) {
        if (await this.#isGone()) return 0
      } else {
        this.#last = status
        view.status(status)
        if (status.state === 'stopping') this.#isStopping = true
        const code = await this.#decide(status)
        if (code !== null) return code
      }
      // Events come in bursts; what is shown of them need not be newer than this.
      await delay(shortestPollMs)
      await this.#waker.sleep(this.#settled.size > 0 && !this.#isStopping ? attachedPollMs : pendingPollMs)
    }
  }

  /** Null: go on. */
  async #decide(status: AppStatus): Promise<ExitCode | null> {
    const { until, stops, now, view } = this.#options
    if (until !== 'stopped' && stops.count > 0) {
      view.note('Not waiting any longer; it goes on in the background. See pando ps, stop it with pando down.')
      return 1
    }
    if (stops.count > 0) await this.#heedStops(status)
    if (this.#isStopping) return null

    const { verdict, failing } = judge(status, this.#failing, now())
    this.#failing = failing
    if (verdict.kind === 'failed') await this.#showFailures(verdict.failures)
    const isDecided = verdict.kind === 'failed' || (verdict.kind === 'ready' && (await this.#haveRolloutsEnded(status)))
    if (isDecided && !this.#settled.has(verdict.kind)) {
      this.#settled.add(verdict.kind)
      view.settled(status)
    }
    if (until === 'stopped') return null
    if (isDecided) return verdict.kind === 'failed' || this.#with('failed').length > 0 ? 1 : 0
    if (now() < until.deadline) return null
    for (const { name, state, reason } of status.services) {
      if (state !== 'ready') view.note(`${name} is ${state}${reason === '' ? '.' : `: ${reason}`}`)
    }
    for (const name of this.#with('pending')) view.note(`The rollout of ${name} has not ended.`)
    view.note('Not all was ready in time; it goes on in the background. See pando ps, stop it with pando down.')
    return 1
  }

  /** Of what was deployed; attached, all that happens is shown anyway. */
  async #haveRolloutsEnded(status: AppStatus): Promise<boolean> {
    const { daemon, until } = this.#options
    if (until === 'stopped' || until.deployed.length === 0) return true
    try {
      this.#outcomes = await outcomesOf(daemon.control(), until.deployed, status)
      return this.#with('pending').length === 0
    } catch (error) {
      ignoreUnavailable(error)
      return false
    }
  }

  #with(kind: Outcome['kind']): readonly string[] {
    return [...this.#outcomes].flatMap(([service, outcome]) => (outcome.kind === kind ? [service] : []))
  }

  /** First: gently. Second: every instance is killed. Third: give up and say what is left. */
  async #heedStops(status: AppStatus): Promise<void> {
    const { stops, view, daemon } = this.#options
    if (this.#stopsHeeded === stops.count) return
    const isFirst = this.#stopsHeeded === 0
    this.#stopsHeeded = stops.count
    if (isFirst) {
      this.#isStopping = true
      view.note('Stopping everything; Ctrl-C again stops without grace.')
      // When it has just died, its absence is noticed, and dealt with, by the loop.
      await daemon.control().down().catch(ignoreUnavailable)
    }
    if (stops.count >= 3) {
      throw new PandoError(
        'unavailable',
        `gave up waiting; still there: ${leftOf(status).join(', ') || 'the control plane'}`,
        {
          hint: 'stop what is left with: pando down',
        },
      )
    }
    if (stops.count === 2) {
      view.note('Killing what is left.')
      for (const pid of pidsOf(status)) killGroup(pid)
    }
  }

  /** Called when nobody answers: true when all is over; otherwise the control plane has been brought back, or may still be ending. */
  async #isGone(): Promise<boolean> {
    const { daemon, view, stops, until } = this.#options
    if (this.#last !== null && isAlive(this.#last.pid)) return false
    if (stops.count > 0 && until === 'stopped') this.#isStopping = true
    if (!this.#isStopping) {
      view.note('The control plane has ended unexpectedly and is started again; services go on.')
      await this.#relaunch()
      return false
    }
    const wasAskedHere = this.#stopsHeeded > 0
    if ((stops.count > 0 && !wasAskedHere) || (this.#last !== null && leftOf(this.#last, isAlive).length > 0)) {
      await daemon.sweep()
    }
    daemon.assertAllStopped()
    view.note(stops.count > 0 ? 'Everything is stopped.' : 'Everything was stopped from elsewhere.')
    return true
  }

  /** Starting it is tried a few times: what kept it from starting, a full disk for one, may pass. */
  async #relaunch(): Promise<void> {
    const { daemon, now } = this.#options
    const hint = 'services still run: pando up takes them over, pando down stops them'
    this.#relaunches = this.#relaunches.filter((at) => now() - at < relaunchWindowMs)
    this.#relaunches.push(now())
    const times = this.#relaunches.length
    if (times > maxRelaunches) {
      throw new PandoError('unavailable', `the control plane has ended ${times} times within a minute`, { hint })
    }
    try {
      await daemon.start()
    } catch (error) {
      const { message } = PandoError.from(error)
      if (times === maxRelaunches) throw new PandoError('unavailable', message, { hint, cause: error })
      this.#options.view.note(message)
      await this.#waker.sleep(attachedPollMs)
    }
  }

  async #showFailures(failures: readonly Failure[]): Promise<void> {
    const { view, logTail } = this.#options
    for (const { service, reason } of failures) {
      const key = `${service ?? ''} ${reason}`
      if (this.#shown.has(key)) continue
      this.#shown.add(key)
      // What a build said has been shown as it happened.
      view.note(`${service ?? 'The gateway'} has failed: ${firstLine(reason)}`)
      if (service === null) continue
      for (const line of await logTail(service)) view.note(`  ${line}`)
    }
  }

  /** Null when nobody answers. One that is slow to answer is not dead: the last status stands. */
  async #status(): Promise<AppStatus | null> {
    try {
      return await this.#options.daemon.control().status()
    } catch (error) {
      if (!(error instanceof PandoError)) throw error
      if (error.code === 'unavailable') return null
      if (error.code !== 'timeout' || this.#last === null) throw error
      this.#options.view.note(error.message)
      return this.#last
    }
  }

  /** Shows events for as long as the attachment lasts, across the control plane's lives. */
  async #follow(): Promise<void> {
    const { signal } = this.#ended
    const pause = new Waker(signal)
    let { after } = this.#options
    while (!signal.aborted) {
      try {
        const query = { after, limit: 1000, service: null, follow: true }
        for await (const event of this.#options.daemon.control().events(query, signal)) {
          after = event.seq
          if (event.kind === 'app.stopping') this.#isStopping = true
          this.#options.view.event(event)
          this.#waker.wake()
        }
      } catch {
        // The loop finds out on its own whether the control plane has gone.
      }
      this.#waker.wake()
      await pause.sleep(reconnectMs)
    }
  }
}

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof PandoError) || error.code !== 'unavailable') throw error
}
