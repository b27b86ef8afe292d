import type { Deployed } from '@pando/control-plane'
import type { ControlClient } from '@pando/control-plane/client'
import type { AppStatus, Deployment, ServiceStatus } from '@pando/model'
import type { Context } from '../context.js'

/** What has become of a deployment. `paused`: it is well so far, and only somebody's word leads on. */
export type Outcome =
  | { readonly kind: 'pending' | 'healthy' }
  | { readonly kind: 'paused' | 'failed'; readonly reason: string }

/** `current` is the newest deployment of the service, `seen` its status; pure. */
export function outcomeOf(
  { revision }: Pick<Deployed, 'service' | 'revision'>,
  current: Deployment | undefined,
  seen: ServiceStatus | undefined,
): Outcome {
  if (current === undefined) return { kind: 'failed', reason: 'it is gone' }
  if (current.revision !== revision) {
    return { kind: 'failed', reason: current.reason || `revision ${current.revision} came before ${revision}` }
  }
  if (current.result === 'healthy') return { kind: 'healthy' }
  if (current.result !== 'running') return { kind: 'failed', reason: current.reason }
  const rollout = seen?.rollout
  if (rollout?.to !== revision || rollout.waitsForPromote !== true) return { kind: 'pending' }
  const share = rollout.weight === null ? '' : ` with ${rollout.weight} % of the requests`
  return {
    kind: 'paused',
    reason: `revision ${revision} waits${share} for somebody's word`,
  }
}

/** Of each of these deployments, by service. Rejects with `unavailable` when nobody answers. */
export async function outcomesOf(
  control: ControlClient,
  deployed: readonly Pick<Deployed, 'service' | 'revision'>[],
  status: AppStatus,
): Promise<ReadonlyMap<string, Outcome>> {
  return new Map(
    await Promise.all(
      deployed.map(async (one): Promise<[string, Outcome]> => {
        const [current] = await control.deployments(one.service)
        return [
          one.service,
          outcomeOf(
            one,
            current,
            status.services.find(({ name }) => name === one.service),
          ),
        ]
      }),
    ),
  )
}

/** For stderr: what a reader should know of an outcome and type next; null when all is well, or nothing is known. */
export function renderOutcome(
  service: string,
  outcome: Outcome,
  { paint, command = 'pando' }: Pick<Context, 'paint'> & { readonly command?: string },
): string | null {
  if (outcome.kind !== 'failed' && outcome.kind !== 'paused') return null
  const [what, next] =
    outcome.kind === 'failed'
      ? [paint.red('failed:'), `${command} why ${service}`]
      : [paint.yellow('paused:'), `${command} promote ${service}, or ${command} abort ${service}`]
  return `${what} ${service}: ${outcome.reason}\n${paint.cyan('next:')} ${next}\n`
}
