import { labelPattern } from './schema-values.js'
import { longestServiceName } from './schema.js'
import { quote } from './units.js'

/** Why a service cannot have this name, or null when it can. */
export function nameMistake(name: string): { message: string; hint?: string } | null {
  if (name.length > longestServiceName)
    return { message: `${quote(name)} is longer than ${longestServiceName} characters` }
  if (labelPattern.test(name)) return null
  const meant = toLabel(name, longestServiceName)
  return {
    message: `${quote(name)} cannot name a service: lower-case letters, digits and hyphens, beginning with a letter`,
    ...(meant === null ? {} : { hint: `write "${meant}"` }),
  }
}

/** The name that text would have as a DNS label, or null when nothing is left of it. */
export function toLabel(text: string, longest: number): string | null {
  const label = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, longest)
    .replace(/-+$/, '')
  return label === '' ? null : label
}

/** Whether a variable's name speaks of a secret: then its value is not shown. */
export function isSecretName(name: string): boolean {
  return /(SECRET|TOKEN|PASSWORD|PASSWD|KEY|CREDENTIAL)/i.test(name)
}
