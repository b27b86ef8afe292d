import { join } from 'node:path'
import { stop } from '../processes.mjs'
import { startProxy } from '../workbench.mjs'

/** The processes of one group: one for each proxy and variant, and a contestant for each scenario that it is asked by. */
export class Cast {
  contestants = []
  #group
  #folder
  #ports
  #started = new Map()
  #pids = []

  /** `group` names its files, `ports` are those of the services by name. */
  constructor(group, folder, ports) {
    this.#group = group
    this.#folder = folder
    this.#ports = ports
  }

  async contestant(proxy, variant, scenario) {
    const running = await this.#processOf(proxy, variant)
    const known = this.contestants.find((each) => each.running === running && each.scenario === scenario)
    if (known !== undefined) return known
    const name = `${running.name} (${this.contestants.length})`
    const port = scenario.streams === undefined ? running.port : running.http2Port
    const contestant = { ...running, running, name, port, scenario }
    this.contestants.push(contestant)
    return contestant
  }

  /** One more, for as long as `work` takes. */
  async withOther(proxy, variant, name, work) {
    const other = await this.#start(proxy, variant, name)
    await work(other)
    stop([other.pid])
  }

  leave() {
    stop(this.#pids)
  }

  async #start(proxy, variant, name) {
    const upstream = this.#ports[variant.service ?? 'http']
    const folder = this.#folder
    const started = await startProxy({ proxy, folder, name, upstream, variant: variant[proxy.key] ?? {} })
    this.#pids.push(started.pid)
    return { ...started, name, adminSocket: join(folder, `${name}.sock`) }
  }

  async #processOf(proxy, variant) {
    const key = JSON.stringify([proxy.key, variant[proxy.key] ?? {}, variant.service])
    const name = `${proxy.key}-${this.#group}-${this.#started.size}`
    const running = this.#started.get(key) ?? (await this.#start(proxy, variant, name))
    this.#started.set(key, running)
    return running
  }
}
