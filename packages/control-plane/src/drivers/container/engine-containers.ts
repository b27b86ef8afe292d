import { PandoError } from '@pando/model'
import type { Clock } from '../../clock.js'
import { EngineError, isEngineAway, type EngineClient } from './engine-client.js'
import type { ContainerDetails, ContainerSummary } from './engine-types.js'
import { appLabel } from './labels.js'

const startWithinMs = 90_000
const answersWithinMs = 2000
const mostLooks = 20
const nextLookMs = 50

/** What is asked of the engine about single containers. Rejects as the client does. */
export class EngineContainers {
  readonly #engine: EngineClient
  readonly #clock: Clock

  constructor(engine: EngineClient, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  /** Whether the engine can be told anything now; one that refuses can. */
  async isAway(): Promise<boolean> {
    try {
      await this.#engine.ask('GET', '/version', { timeoutMs: answersWithinMs })
      return false
    } catch (error) {
      return isEngineAway(error)
    }
  }

  /** All of one state directory, ended ones as well. */
  async list(key: string): Promise<readonly ContainerSummary[]> {
    const query = { all: 'true', filters: JSON.stringify({ label: [`${appLabel}=${key}`] }) }
    return (await this.#engine.ask<ContainerSummary[]>('GET', '/containers/json', { query })) ?? []
  }

  async create(name: string, settings: object): Promise<{ readonly id: string; readonly notes: readonly string[] }> {
    const options = { query: { name }, body: settings, timeoutMs: startWithinMs, absent: [409] }
    type Made = { readonly Id: string; readonly Warnings?: readonly string[] | null }
    let made = await this.#engine.ask<Made>('POST', '/containers/create', options)
    if (made === null) {
      // One of that name was asked for by a control plane that died meanwhile, and never became an instance.
      await this.discard(name)
      made = await this.#engine.ask<Made>('POST', '/containers/create', { ...options, absent: [] })
    }
    if (made === null) throw new PandoError('internal', 'the container engine did not say what it made')
    // Kernels without accounting of swap limit memory all the same.
    return { id: made.Id, notes: (made.Warnings ?? []).filter((warning) => !/swap/i.test(warning)) }
  }

  /** One that has ended before the engine has looked was started all the same. */
  async start(container: string): Promise<void> {
    await this.#engine.ask('POST', `/containers/${container}/start`, { timeoutMs: startWithinMs }).catch(unlessEnding)
  }

  async inspect(container: string): Promise<ContainerDetails | null> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#engine.ask('GET', `/containers/${container}/json`, { absent: [404] })
      } catch (error) {
        if (tries === mostLooks) throw error
        unlessEnding(error)
        await new Promise<void>((wake) => void this.#clock.after(nextLookMs, wake))
      }
    }
  }

  /** 409: it has ended, or its removal is under way. */
  async signal(container: string, signal: string): Promise<void> {
    const options = { query: { signal }, absent: [404, 409] }
    await this.#engine.ask('POST', `/containers/${container}/kill`, options).catch(unlessEnding)
  }

  async discard(container: string): Promise<void> {
    const options = { query: { force: 'true', v: 'true' }, absent: [404, 409] }
    await this.#engine.ask('DELETE', `/containers/${container}`, options)
  }
}

/** How Podman fails when what it reads of a container's process, or wants to signal, ends that moment. */
const isEnding = /read \/proc\/\d+\/cgroup: no such process|container state improper/i

function unlessEnding(error: unknown): void {
  if (!(error instanceof EngineError && isEnding.test(error.message))) throw error
}
