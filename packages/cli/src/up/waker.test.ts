import { expect, it } from 'vitest'
import { Waker } from './waker.js'

const longMs = 3_600_000

it('ends a sleep at once when it is woken', async () => {
  const waker = new Waker()
  const sleep = waker.sleep(longMs)
  waker.wake()
  await expect(sleep).resolves.toBeUndefined()
})

it('keeps a wake that comes between two sleeps, for one sleep only', async () => {
  const waker = new Waker()
  waker.wake()
  await waker.sleep(longMs)
  const second = waker.sleep(longMs).then(() => 'woken')
  expect(await Promise.race([second, new Promise((resolve) => setTimeout(() => resolve('asleep'), 30))])).toBe('asleep')
  waker.wake()
  expect(await second).toBe('woken')
})

it('sleeps as long as it was told when nobody wakes it', async () => {
  const began = performance.now()
  await new Waker().sleep(20)
  // Timers may be early by less than a millisecond.
  expect(performance.now() - began).toBeGreaterThan(18)
})

it('does not sleep once its signal has aborted', async () => {
  const controller = new AbortController()
  const waker = new Waker(controller.signal)
  const sleep = waker.sleep(longMs)
  controller.abort()
  await expect(sleep).resolves.toBeUndefined()
  await expect(new Waker(AbortSignal.abort()).sleep(longMs)).resolves.toBeUndefined()
})
