import type { ServiceView } from './service-view.js'

/**
 * The lowest `count` slots that nothing holds. An exited instance holds its slot until it is buried, because only then is its
 * failure counted; an ended run holds its slot for as long as it shall stay ended.
 */
export function freeSlots(view: ServiceView, count: number): number[] {
  const held = new Set([...view.instances.map((i) => i.slot), ...view.ended.map((e) => e.slot)])
  const free: number[] = []
  for (let slot = 0; free.length < count; slot++) {
    if (!held.has(slot)) free.push(slot)
  }
  return free
}
