import { afterAll, beforeAll } from 'vitest'
import { ContainerEngine } from './container-engine.js'
import { defaultEngine, type EngineKind } from './engine-kinds.js'
import { TemporaryApp } from './temporary-app.js'

export interface ContainerApp {
  readonly engine: ContainerEngine
  readonly app: TemporaryApp
}

/** For the tests of one block: an engine and an app on it, given to `prepare` before the first, and both gone after the last. */
export function withContainerApp(
  services: string,
  prepare: (made: ContainerApp) => Promise<void>,
  kind: EngineKind = defaultEngine,
): void {
  let engine: ContainerEngine | undefined
  let app: TemporaryApp | undefined
  beforeAll(async () => {
    engine = await ContainerEngine.start({ kind })
    app = await appOn(engine, services)
    await prepare({ engine, app })
  }, 300_000)
  afterAll(() => endOf(app, engine), 90_000)
}

/** An app that is to run on the engine, not yet started. */
export async function appOn(engine: ContainerEngine, services: string): Promise<TemporaryApp> {
  const app = await TemporaryApp.create(services)
  app.environment['DOCKER_HOST'] = engine.host
  return app
}

/** The app first: without its engine it could not be taken down. */
export async function endOf(app: TemporaryApp | undefined, engine: ContainerEngine | undefined): Promise<void> {
  await app?.dispose()
  await engine?.stop()
}
