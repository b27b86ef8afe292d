import type { ContainerExtras } from '@pando/model'
import { escapeInterpolation } from './interpolation.js'

/** As they are written; a text is kept from being taken for a variable. */
export function renderExtras(extras: ContainerExtras): object {
  const { entrypoint, capDrop, hasInit, extraHosts, labels, shmBytes, ulimits, sysctls, dns } = extras
  return {
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint.map(plain) }),
    ...(capDrop === undefined ? {} : { cap_drop: capDrop.map(plain) }),
    ...(hasInit === undefined ? {} : { init: hasInit }),
    ...(extraHosts === undefined ? {} : { extra_hosts: plainValues(extraHosts) }),
    ...(labels === undefined ? {} : { labels: plainValues(labels) }),
    ...(shmBytes === undefined ? {} : { shm_size: shmBytes }),
    ...(ulimits === undefined
      ? {}
      : { ulimits: Object.fromEntries(ulimits.map(({ name, soft, hard }) => [name, { soft, hard }])) }),
    ...(sysctls === undefined ? {} : { sysctls: plainValues(sysctls) }),
    ...(dns === undefined ? {} : { dns: dns.map(plain) }),
  }
}

function plain(text: string): string {
  return escapeInterpolation(text, 'value')
}

function plainValues(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]))
}
