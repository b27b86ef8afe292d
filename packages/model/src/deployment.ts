/**
 * How a deployment fares. `running`: under way; `healthy`: all that was wanted of it has been healthy; `failed`: it has not become
 * so; `rolled_back`: an older revision was put in its place; `superseded`: another one came before it was decided.
 */
export type DeploymentResult = 'running' | 'healthy' | 'failed' | 'rolled_back' | 'superseded'

/** What made a revision the wanted one. */
export type DeploymentCause = 'up' | 'deploy' | 'rollback' | 'automatic_rollback'

/** One time that a revision of a service was made the wanted one. */
export interface Deployment {
  /** Grows by one a deployment of any service. */
  readonly number: number
  readonly service: string
  readonly revision: string
  /** Unix time, ms. */
  readonly at: number
  readonly by: DeploymentCause
  readonly result: DeploymentResult
  /** One sentence; empty when there is nothing to explain. */
  readonly reason: string
  /** When the result was known; null while it is not. Unix time, ms. */
  readonly settledAt: number | null
}
