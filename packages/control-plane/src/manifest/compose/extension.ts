import { joined } from './merging.js'
import type { Problems } from './problems.js'
import type { Written } from './written.js'

/** Longer chains are a mistake. */
const longestChain = 20

/** Follows `extends` (https://docs.docker.com/reference/compose-file/services/#extends): the service with all that it inherits. */
export function extended(
  service: Written,
  options: {
    readonly problems: Problems
    /** The services of a file, as it is named there; null when it is not known yet or cannot be read (which is then reported). */
    readonly servicesOf: (file: Written, path: string) => Written | null
    readonly services: Written
  },
  trail: readonly string[] = [],
): Written {
  const written = service.get('extends')
  if (written === undefined) return service
  const { problems } = options
  const name = written.isScalar ? written : written.get('service')
  const file = written.get('file')
  if (name === undefined || !name.isScalar) {
    problems.refuse(written, 'expected the name of a service, or a map with service and file')
    return service
  }
  const services = file === undefined ? options.services : options.servicesOf(file, file.pathOf(file.text))
  if (services === null) return service
  const base = services.get(name.text)
  const step = `${services.source.file}\0${name.text}`
  if (base === undefined || !base.isMap) {
    problems.refuse(name, `there is no service "${name.text}" to extend`)
    return service
  }
  if (base === service || trail.includes(step) || trail.length >= longestChain) {
    problems.refuse(written, 'services extend each other', undefined, 'key')
    return service
  }
  const whole = extended(base, { ...options, services }, [...trail, step])
  return joined('', whole, service)
}
