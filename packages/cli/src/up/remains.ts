import type { AppStatus } from '@pando/model'

/** Ids of the instances (and the gateway) that a status says are there and, with `isAlive`, of which a process still is. */
export function leftOf(status: AppStatus, isAlive: (pid: number) => boolean = () => true): readonly string[] {
  const left = status.services
    .flatMap((service) => service.instances)
    .filter((instance) => instance.phase !== 'exited' && instance.pid !== null && isAlive(instance.pid))
    .map((instance) => instance.id)
  if (status.gateway.pid !== null && isAlive(status.gateway.pid)) left.push('the gateway')
  return left
}

/** Process ids of all instances that have not ended. */
export function pidsOf(status: AppStatus): readonly number[] {
  return status.services
    .flatMap((service) => service.instances)
    .filter((instance) => instance.phase !== 'exited')
    .flatMap((instance) => (instance.pid === null ? [] : [instance.pid]))
}
