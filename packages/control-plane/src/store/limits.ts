import { PandoError } from '@pando/model'

/** How many events a store keeps; the oldest go. */
export const eventLimit = 10_000

/** A transaction ends when its function returns, so one that goes on later would write outside of it. */
export function refusePromise<T>(value: T): T {
  if (value instanceof Promise) {
    value.catch(() => undefined)
    throw new PandoError('internal', 'a transaction must not wait: its function returned a promise')
  }
  return value
}
