import { until } from '../support/condition.js'
import { Http2Transport } from '../support/http2-transport.js'
import { NumberedLoad, togetherOf, type LoadResult } from '../support/numbered-load.js'
import { webSocketTo } from './conversation.js'
import { MessageLoad } from './message-load.js'
import { NumbersClient } from './numbers-client.js'
import { isSettled, replicas, services, type SoakApp, type Version } from './soak-app.js'
import { soakSteps, stepsOf, type SoakOptions, type SoakStep } from './soak-options.js'
import {
  footprintOf,
  isOfBadCanary,
  isOfBegunAnswer,
  outcomeOf,
  type Footprint,
  type SoakOutcome,
} from './soak-outcome.js'
import { steps, type Scene, type Taken } from './soak-steps.js'

/** Of HTTP/1.1, as many streams of HTTP/2 and as many calls of gRPC: each has one request under way at the most. */
const connections = 4

export const nothingDone = (): Record<SoakStep, Taken[]> =>
  Object.fromEntries(soakSteps.map((step): [SoakStep, Taken[]] => [step, []])) as Record<SoakStep, Taken[]>

/** One soak: steps in their order under load, and what was seen. */
export class SoakRun {
  readonly #soak: SoakApp
  readonly #options: SoakOptions
  readonly #say: (line: string) => void
  readonly #scene: Scene
  readonly #done = nothingDone()
  readonly #violations: string[] = []
  readonly #loads: readonly NumberedLoad[]
  readonly #calls: NumbersClient
  readonly #meshCalls: NumbersClient
  readonly #messages: { readonly webSocket: MessageLoad; readonly grpc: MessageLoad }
  /** Which of its kinds a step begins with: a short soak does not have all of them. */
  readonly #offset: number
  #count = 0
  #serving = 'v0'
  /** POSTs that failed when none may. */
  readonly #wrongPosts: string[] = []

  /** `mesh`: the stable address of the service of gRPC. */
  constructor(soak: SoakApp, options: SoakOptions, mesh: string, random: () => number, say: (line: string) => void) {
    this.#soak = soak
    this.#options = options
    this.#say = say
    this.#offset = Math.floor(random() * 60)
    const port = soak.app.gatewayPort
    const pauseMs = (3 * 1000 * connections) / options.rate
    this.#calls = new NumbersClient(`127.0.0.1:${port}`)
    this.#meshCalls = new NumbersClient(mesh)
    const load = { port, path: '/work', connections, postEvery: 4, maxRequests: 20_000_000, pauseMs }
    this.#loads = [
      new NumberedLoad(load),
      new NumberedLoad({ ...load, prefix: 'h2-', transport: new Http2Transport(port) }),
      new NumberedLoad({ ...load, prefix: 'grpc-', transport: this.#calls }),
    ]
    const open = webSocketTo(`ws://127.0.0.1:${port}/work`)
    const { converse } = this.#calls
    const { converse: converseByMesh } = this.#meshCalls
    const common = { pauseMs: (2 * pauseMs) / 3 }
    this.#messages = {
      webSocket: new MessageLoad({
        ...common,
        kind: 'WebSocket',
        clients: Array.from({ length: connections }, () => open),
      }),
      grpc: new MessageLoad({
        ...common,
        kind: 'stream of gRPC',
        clients: Array.from({ length: connections }, (_, index) => (index % 2 === 0 ? converse : converseByMesh)),
        prefix: 'grpc-',
      }),
    }
    this.#scene = {
      soak,
      random,
      version: () => this.#serving,
      next: (more) => this.#next(more),
      expectDeath: (instance) => {
        for (const load of Object.values(this.#messages)) load.expectDeath(instance)
      },
      violated: (what) => this.#violations.push(what),
    }
  }

  async run(): Promise<SoakOutcome> {
    const startedAt = Date.now()
    const before = footprintOf(this.#soak.app, await this.#soak.control.status())
    const all = stepsOf(this.#options.rounds)
    let done = 0
    for (const step of all) {
      if (Date.now() - startedAt > this.#options.minutes * 60_000) break
      const broke = await this.#take(step).then(
        () => null,
        (error: Error) => `${step} ${this.#done[step].length + 1}: ${error.message}`,
      )
      if (broke !== null) {
        await this.#explain(broke)
        break
      }
      done++
      if (done % 10 === 0 || done === all.length) this.#progress(done, all.length, startedAt)
    }
    return this.#end(before, startedAt, done < all.length)
  }

  /** A step that does not come to its end ends the run, and so rejects. */
  async #take(step: SoakStep): Promise<void> {
    const startedAt = Date.now()
    const failedBefore = new Set(this.#lost())
    const { deaths = 0, ...taken } = await steps[step](this.#scene, this.#offset + this.#done[step].length)
    this.#done[step].push({ ...taken, deaths, tookMs: Date.now() - startedAt })
    this.#serving = taken.serves
    const name = `${step} (${taken.kind})`
    for (const version of await this.#versions())
      if (version !== taken.serves) this.#violations.push(`after ${name} ${version} serves and not ${taken.serves}`)
    const failed = this.#lost().filter((each) => !failedBefore.has(each))
    // Nobody may send a POST twice: one that an instance had begun when it died is lost, and its client is told.
    const mayFail = deaths * connections * (this.#loads.length + 1)
    const wrong = [...failed.slice(mayFail), ...failed.slice(0, mayFail).filter((each) => !isLostWithAnInstance(each))]
    this.#wrongPosts.push(...wrong.map((failure) => `${failure} in ${name}`))
  }

  /** What serves of either service, or what went wrong as it was asked. */
  async #versions(): Promise<string[]> {
    const call = { path: '', method: 'GET', headers: { 'x-number': 'last' }, body: undefined }
    const { status, body: text } = await this.#soak.app.fetch('/work')
    const answers = [{ status, text }, await this.#calls.send(call)]
    return answers.map(({ status, text }) =>
      status === 200 ? (JSON.parse(text) as { version: string }).version : text,
    )
  }

  /** POSTs, calls and streams that had begun when they failed, or had to be taken for begun. */
  #lost(): string[] {
    const { failedIdempotent, failedOther } = this.#failures()
    const begun = [...failedOther, ...this.#messages.grpc.refused].filter((each) => !isOfBadCanary(each))
    return [...begun, ...failedIdempotent.filter(isOfBegunAnswer)]
  }

  #failures(): Pick<LoadResult, 'failedIdempotent' | 'failedOther'> {
    const failures = this.#loads.map((load) => load.failures)
    return {
      failedIdempotent: failures.flatMap(({ failedIdempotent }) => failedIdempotent),
      failedOther: failures.flatMap(({ failedOther }) => failedOther),
    }
  }

  async #explain(broke: string): Promise<void> {
    this.#violations.push(broke)
    const { stdout } = await this.#soak.app.run('events')
    const said = this.#soak.lastDeploy
    this.#say(`${broke}; the last \`pando up\` (code ${said?.code}): ${said?.stdout}${said?.stderr}`)
    this.#say(`the last events:\n${stdout.trimEnd().split('\n').slice(-40).join('\n')}`)
  }

  #next(more: Omit<Version, 'name' | 'source'> = {}): Version {
    const count = ++this.#count
    return { name: `v${count}`, source: `s${Math.ceil(count / 2)}`, ...more }
  }

  #progress(done: number, of: number, startedAt: number): void {
    const { failedIdempotent } = this.#failures()
    const answered = this.#loads.reduce((sum, { count }) => sum + count, 0)
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    const counts = soakSteps.map((step) => `${this.#done[step].length} × ${step}`).join(', ')
    const gets = failedIdempotent.filter((each) => !isOfBadCanary(each) && !isOfBegunAnswer(each)).length
    const posts = this.#lost().length
    const { webSocket, grpc } = this.#messages
    const wrong = webSocket.wrong.length + grpc.wrong.length + this.#violations.length + this.#wrongPosts.length
    this.#say(
      `${seconds} s: ${done}/${of} (${counts}); ${answered} answered, failed ${gets} GET, ${posts} POST; ` +
        `${webSocket.count} and ${grpc.count} messages; ${wrong} wrong`,
    )
  }

  async #end(before: Footprint, startedAt: number, isCutShort: boolean): Promise<SoakOutcome> {
    const { app, control } = this.#soak
    const loads = await Promise.all(this.#loads.map((one) => one.stop()))
    const load = togetherOf(loads)
    const [webSocket, grpc] = await Promise.all([this.#messages.webSocket.stop(), this.#messages.grpc.stop()])
    this.#calls.close()
    this.#meshCalls.close()
    const status = await control.status()
    const wanted = 1 + 1 + 2 + services.length * replicas
    if (this.#options.driver === 'process' && status.services.every(isSettled)) {
      await until('nothing else runs', () => app.processes().length === wanted).catch(() =>
        this.#violations.push(`${app.processes().length} processes run, and ${wanted} should`),
      )
    }
    const after = footprintOf(app, status)
    const down = await app.run('down')
    if (down.code !== 0) this.#violations.push(`pando down ended with ${down.code}: ${down.stderr}`)
    if (app.processes().length > 0) this.#violations.push(`pando down left ${app.processes().length} processes`)
    return outcomeOf({
      options: this.#options,
      isCutShort,
      tookMs: Date.now() - startedAt,
      done: this.#done,
      load,
      overHttp2: loads[1]?.succeeded ?? 0,
      overGrpc: loads[2]?.succeeded ?? 0,
      messages: { webSocket, grpc },
      processed: this.#soak.taken('processed'),
      taken: this.#soak.taken('messages'),
      wrongPosts: this.#wrongPosts,
      violations: this.#violations,
      before,
      after,
    })
  }
}

/** The gateway's own answer, in HTTP or in gRPC, when a connection ended under a request that nobody may send again. */
const isLostWithAnInstance = (failure: string): boolean =>
  (failure.includes(': 502 ') && failure.includes('upstream_closed')) ||
  failure.includes(': 14 The service closed the connection')
