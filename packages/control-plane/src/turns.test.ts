import { expect, it } from 'vitest'
import { Turns } from './turns.js'

it('does one thing after the other, whatever becomes of it, and nothing once all is being stopped', async () => {
  const turns = new Turns()
  const done: string[] = []
  const work = (name: string) => async (): Promise<string> => {
    done.push(`${name} begins`)
    await Promise.resolve()
    done.push(`${name} ends`)
    return name
  }
  const failing = turns.take(() => Promise.reject(new Error('no')))
  const all = [turns.take(work('a')), turns.take(work('b'))]
  await expect(failing).rejects.toThrow('no')
  expect(await Promise.all(all)).toEqual(['a', 'b'])
  const late = turns.take(work('late'))
  const stopped = turns.stop(async () => void done.push('stopped'))
  expect(turns.isStopping).toBe(true)
  await expect(late).rejects.toMatchObject({ code: 'conflict' })
  await stopped
  await expect(turns.take(work('too late'))).rejects.toMatchObject({ code: 'conflict' })
  expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'stopped'])
})
