import type { Desired } from './state.js'

/**
 * The wish to have nothing run, as `pando down` has it. The services stay in it, stopped, because only so is it known what depends
 * on what, and dependents leave before what they depend on; an empty wish would stop all at once.
 */
export function everythingStopped(desired: Desired): Desired {
  return new Map(Array.from(desired, ([name, service]) => [name, { ...service, isStopped: true }]))
}
