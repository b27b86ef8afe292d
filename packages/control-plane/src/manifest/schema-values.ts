import { z } from 'zod'
import { durationPattern, formatDuration, isMistake, parseDuration, parseSize, sizePattern } from './units.js'

/**
 * The small values of the manifest. A number may also be written as text, because `${REPLICAS}` is text: so each takes both, and
 * the published schema says in `jsonSchema` what an editor should accept.
 */
function number(kind: 'integer' | 'number', minimum: number, maximum: number, extra: { above?: boolean } = {}) {
  const words = `a ${kind === 'integer' ? 'whole number' : 'number'} ${extra.above ? `above ${minimum}, at most ${maximum}` : `from ${minimum} to ${maximum}`}`
  const isFine = (value: string | number): boolean => {
    if (typeof value === 'string' && !/^-?\d+(\.\d+)?$/.test(value)) return false
    const amount = Number(value)
    if (!Number.isFinite(amount) || (kind === 'integer' && !Number.isInteger(amount))) return false
    return amount <= maximum && (extra.above ? amount > minimum : amount >= minimum)
  }
  return z
    .union([z.number(), z.string()], { error: `expected ${words}` })
    .refine(isFine, { error: ({ input }) => `expected ${words}, got ${String(input).slice(0, 40)}` })
    .meta({
      jsonSchema: {
        anyOf: [
          { type: kind, [extra.above ? 'exclusiveMinimum' : 'minimum']: minimum, maximum },
          { type: 'string', pattern: String.raw`^\d+(\.\d+)?$|\$\{` },
        ],
      },
    })
}

export const whole = (minimum: number, maximum: number) => number('integer', minimum, maximum)
export const positive = (maximum: number) => number('number', 0, maximum, { above: true })
export const port = () => whole(1, 65_535)
/** 0 lets the system choose a free port. */
export const portOrFree = () => whole(0, 65_535)

export const flag = () =>
  z.union([z.boolean(), z.enum(['true', 'false'])], { error: 'expected true or false' }).meta({
    jsonSchema: { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: String.raw`^(true|false)$|\$\{` }] },
  })

const measure = (name: string, parse: typeof parseDuration, pattern: string, minimum: number, least: string) =>
  z
    .union([z.string(), z.number()], { error: `expected ${name}` })
    .superRefine((value, context) => {
      const parsed = parse(value)
      if (isMistake(parsed)) context.addIssue({ code: 'custom', message: parsed.mistake })
      else if (parsed < minimum) context.addIssue({ code: 'custom', message: `expected at least ${least}` })
    })
    .meta({
      jsonSchema: {
        anyOf: [
          { type: 'string', pattern: String.raw`${pattern}|\$\{` },
          { type: 'integer', minimum: 0 },
        ],
      },
    })

export const duration = () =>
  measure('a duration, for example "10s" or "500ms"', parseDuration, durationPattern, 0, '0')
/** A duration that must take some time: polling, and timeouts that cannot be turned off. */
export const durationOfAtLeast = (minimumMs: number) =>
  measure(
    'a duration, for example "10s" or "500ms"',
    parseDuration,
    durationPattern,
    minimumMs,
    formatDuration(minimumMs),
  )
export const size = (minimum = 0, least = '0') =>
  measure('a size, for example "64M" or "1G"', parseSize, sizePattern, minimum, least)

/** RFC 1035 label in lower case: what a service is called in addresses, variables and Kubernetes alike. */
export const labelPattern = /^[a-z]([a-z0-9-]*[a-z0-9])?$/

export const label = (longest: number) =>
  z
    .string({ error: 'expected a name' })
    .max(longest, { error: `a name has at most ${longest} characters` })
    .regex(labelPattern, {
      error: 'a name has lower-case letters, digits and hyphens, begins with a letter and ends with a letter or digit',
    })

/** Names of environment variables. Dots and hyphens are unusual and allowed, as Spring reads them. */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/

export const filled = (what: string) =>
  z.string({ error: `expected ${what}` }).refine((text) => text.trim() !== '' && !text.includes('\0'), {
    error: `expected ${what}, got empty text`,
  })
