import type { Problems } from './problems.js'
import type { Written } from './written.js'

/**
 * An app has one network. That is what the file means as long as every two services share one of theirs; of two that it keeps apart, a
 * warning says that they reach each other here.
 */
export function checkNetworks(
  top: Written,
  services: readonly (readonly [string, Written])[],
  problems: Problems,
): void {
  for (const [name, network] of top.get('networks')?.entries() ?? []) {
    for (const [key, value] of network.entries()) {
      if (key.startsWith('x-')) continue
      if (key === 'internal' || key === 'external') {
        if (problems.isTrue(value))
          problems.note(value, `"${key}" of the network "${name}" is not honoured`, undefined, 'key')
      } else if (!(key === 'driver' && ['bridge', 'default'].includes(value.text))) {
        problems.note(value, `"${key}" of a network has no effect`, undefined, 'key')
      }
    }
  }
  const known = new Set(['default', ...(top.get('networks')?.entries() ?? []).map(([name]) => name)])
  const placed = services.map(([name, service]) => ({ name, service, networks: networksOf(service, known, problems) }))
  for (const [index, one] of placed.entries()) {
    const apart = placed.slice(0, index).find(({ networks }) => !networks.some((name) => one.networks.includes(name)))
    if (apart === undefined) continue
    const message = `"${one.name}" and "${apart.name}" share no network, and an app has one here: they reach each other`
    problems.note(one.service.get('networks') ?? apart.service.get('networks') ?? one.service, message)
  }
}

function networksOf(service: Written, known: ReadonlySet<string>, problems: Problems): string[] {
  const written = service.get('networks')
  if (written === undefined) return ['default']
  const items = written.isMap
    ? written.entries()
    : problems.textsOf(written, 'a network').map((item) => [item.text, item] as const)
  for (const [name, item] of items) {
    if (!known.has(name)) problems.refuse(item, `there is no network "${name}" at the top of the file`)
    for (const [key, value] of item.entries()) {
      if (key !== 'aliases') problems.note(value, `"${key}" has no effect`, undefined, 'key')
    }
  }
  return items.map(([name]) => name)
}
