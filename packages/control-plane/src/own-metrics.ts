import type { ServiceStatus } from '@pando/model'

/** The control plane's own numbers in Prometheus text exposition format 0.0.4. */
export function ownMetrics(
  services: readonly ServiceStatus[],
  process: { rssBytes: number; cpuSeconds: number; uptimeSeconds: number },
): string {
  const phases = ['starting', 'healthy', 'unhealthy', 'draining', 'stopping', 'exited'] as const
  const lines = [
    '# HELP pando_instances Instances by service and phase.',
    '# TYPE pando_instances gauge',
    ...services.flatMap((service) =>
      phases.map((phase) => {
        const count = service.instances.filter((instance) => instance.phase === phase).length
        return `pando_instances{service="${service.name}",phase="${phase}"} ${count}`
      }),
    ),
    '# HELP pando_service_replicas Instances wanted.',
    '# TYPE pando_service_replicas gauge',
    ...services.map((service) => `pando_service_replicas{service="${service.name}"} ${service.replicas}`),
    '# HELP pando_instance_restarts Restarts after a failure, by slot, since it was last well for ten minutes.',
    '# TYPE pando_instance_restarts gauge',
    ...services.flatMap((service) =>
      service.instances.map(
        (instance) =>
          `pando_instance_restarts{service="${service.name}",instance="${instance.id}"} ${instance.restarts}`,
      ),
    ),
    '# HELP pando_control_plane_resident_memory_bytes Resident memory of the control plane.',
    '# TYPE pando_control_plane_resident_memory_bytes gauge',
    `pando_control_plane_resident_memory_bytes ${process.rssBytes}`,
    '# HELP pando_control_plane_cpu_seconds_total User and system CPU time of the control plane.',
    '# TYPE pando_control_plane_cpu_seconds_total counter',
    `pando_control_plane_cpu_seconds_total ${process.cpuSeconds}`,
    '# HELP pando_control_plane_uptime_seconds Time since the control plane started.',
    '# TYPE pando_control_plane_uptime_seconds gauge',
    `pando_control_plane_uptime_seconds ${process.uptimeSeconds}`,
  ]
  return `${lines.join('\n')}\n`
}
