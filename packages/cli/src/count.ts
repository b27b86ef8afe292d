import { PandoError } from '@pando/model'

/** A whole number from 0 to `most`. Throws `usage` for anything else. */
export function parseCount(text: string, option: string, { most }: { readonly most: number }): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (count <= most) return count
  throw new PandoError('usage', `${option} ${text} is no number from 0 to ${most}`)
}
