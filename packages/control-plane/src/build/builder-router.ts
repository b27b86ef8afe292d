import type { Clock } from '../clock.js'
import type { Program } from '../drivers/driver.js'
import type { BuildOrder, Builder } from './builder.js'
import { LocalBuilder } from './local-builder.js'

export interface BuilderRouterOptions {
  readonly stateDir: string
  readonly clock: Clock
  /** The environment that the control plane was started in. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What images say that they are of. */
  readonly appName: () => string
}

/** Sends what runs in a container to the builder of images, which is loaded with the first of them, and the rest to this machine's tools. */
export class BuilderRouter implements Builder {
  readonly #options: BuilderRouterOptions
  readonly #local: Builder
  #images: Promise<Builder> | null = null

  constructor(options: BuilderRouterOptions) {
    this.#options = options
    this.#local = new LocalBuilder({ stateDir: options.stateDir, hostEnvironment: options.environment })
  }

  async build(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<Program> {
    if (order.image === undefined) return this.#local.build(order, onOutput, signal)
    this.#images ??= import('./image-builder.js').then(({ imageBuilderFor }) => imageBuilderFor(this.#options))
    return (await this.#images).build(order, onOutput, signal)
  }
}
