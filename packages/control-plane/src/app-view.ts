import type { Address, AppSpec, AppStatus, JobsStatus, RouteSpec, RouteStatus, ServiceStatus } from '@pando/model'
import type { Clock } from './clock.js'
import type { UsageReporter } from './drivers/driver.js'
import { withSchedule } from './jobs/schedules.js'
import { withAuth } from './desired/route-auth.js'
import { routesOf, routesTo } from './desired/routes.js'
import { ownMetrics } from './own-metrics.js'
import type { GatewaySide } from './gateway-side.js'
import type { Reconciler } from './reconciler/loop.js'
import { statusOf, type Usage } from './reconciler/status.js'

export interface AppViewOptions {
  readonly clock: Clock
  readonly gateway: Pick<GatewaySide, 'status' | 'metrics' | 'withheld'>
  readonly reconciler: Pick<Reconciler, 'desired' | 'observed' | 'plan'>
  readonly driver: UsageReporter
  readonly jobs: (service: string | null) => JobsStatus
  /** What changes while we look. */
  readonly now: () => {
    readonly app: AppSpec | null
    readonly mesh: ReadonlyMap<string, Address>
    readonly isStopping: boolean
    readonly driver: AppStatus['driver'] | null
    readonly api: Address | null
    readonly faults: readonly string[]
  }
}

const nowhere: Address = { host: '127.0.0.1', port: 0 }

/** What is: the app as status, routes and numbers show it. It reads and changes nothing. */
export class AppView {
  readonly #options: AppViewOptions
  readonly #startedAt: number

  constructor(options: AppViewOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  async status(): Promise<AppStatus> {
    const { app, isStopping, driver, api, faults } = this.#options.now()
    return {
      name: app?.name ?? '',
      manifest: app?.manifest ?? '',
      pid: process.pid,
      startedAt: this.#startedAt,
      state: isStopping ? 'stopping' : 'running',
      ...(driver == null ? {} : { driver }),
      gateway: this.#options.gateway.status(),
      api: api ?? nowhere,
      services: this.#shown(await this.#usage()),
      ...(faults.length === 0 ? {} : { faults }),
    }
  }

  routes(): RouteStatus[] {
    const healthy = new Map(this.#services().map((service) => [service.name, service.healthy]))
    const { app } = this.#options.now()
    if (app === null) return []
    return routesOf(app).map((route) => ({
      route: withAuth(route, app.gateway),
      healthy: route.backends.reduce((sum, backend) => sum + (healthy.get(backend.service) ?? 0), 0),
    }))
  }

  /** Prometheus text: the gateway's numbers, when it answers, and our own. */
  async metrics(): Promise<string> {
    const gateway = await this.#options.gateway.metrics().catch(() => '')
    const { user, system } = process.cpuUsage()
    const own = ownMetrics(this.#services(), {
      rssBytes: process.memoryUsage.rss(),
      cpuSeconds: (user + system) / 1e6,
      uptimeSeconds: (this.#options.clock.now() - this.#startedAt) / 1000,
    })
    return gateway + own
  }

  #services(usage?: ReadonlyMap<string, Usage>): ServiceStatus[] {
    const { clock, now, reconciler } = this.#options
    const { app, mesh } = now()
    return statusOf({
      desired: reconciler.desired(),
      observed: reconciler.observed(),
      plan: reconciler.plan(),
      now: clock.now(),
      facts: (name) => ({
        address: mesh.get(name) ?? null,
        routes: app === null ? [] : [...new Set(routesTo(app, name).flatMap(pathsOf))],
      }),
      usage: (instance) => usage?.get(instance) ?? null,
    })
  }

  /** With what schedules say of state and reason, and what the gateway does, which only a status shows. */
  #shown(usage: ReadonlyMap<string, Usage>): ServiceStatus[] {
    const jobs = this.#options.jobs(null)
    return this.#services(usage).map((service) => {
      const withheld = this.#options.gateway.withheld(service.name)
      return { ...withSchedule(service, jobs), ...(withheld === null ? {} : { withheld }) }
    })
  }

  /** What every instance uses, by id. */
  async #usage(): Promise<Map<string, Usage>> {
    const found = new Map<string, Usage>()
    await Promise.all(
      this.#options.reconciler.observed().instances.map(async ({ id }) => {
        const usage = await this.#options.driver.usage(id)
        if (usage !== null) found.set(id, usage)
      }),
    )
    return found
  }
}

/** Where a route is reached, for example `/users` or `shop.example.org/users`. */
function pathsOf(route: RouteSpec): string[] {
  const hosts = route.hosts.length === 0 ? [''] : route.hosts
  return route.matches.flatMap(({ path }) => hosts.map((host) => `${host}${path.value}`))
}
