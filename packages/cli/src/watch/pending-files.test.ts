import { expect, it } from 'vitest'
import { mostFiles, PendingFiles } from './pending-files.js'

const rule = { path: '/app/web', target: '/srv/web' }

it('keeps each file once, where it belongs inside, until they are taken', () => {
  const pending = new PendingFiles()
  pending.add('web', rule, 'src/a.js')
  pending.add('web', rule, 'src/a.js')
  pending.add('web', { path: '/app/one.conf', target: '/etc/one.conf' }, '')
  expect(pending.take('web')).toEqual({
    files: [
      { source: '/app/web/src/a.js', target: '/srv/web/src/a.js' },
      { source: '/app/one.conf', target: '/etc/one.conf' },
    ],
    isWhole: true,
  })
  expect(pending.take('web').files).toEqual([])
})

it('tries again what could not be put, together with what has changed since', () => {
  const pending = new PendingFiles()
  pending.add('web', rule, 'a')
  const { files } = pending.take('web')
  pending.add('web', rule, 'b')
  pending.giveBack('web', files)
  expect(pending.take('web').files.map(({ target }) => target)).toEqual(['/srv/web/a', '/srv/web/b'])
})

it('says when there are more than are kept', () => {
  const pending = new PendingFiles()
  for (let at = 0; at < mostFiles + 10; at++) pending.add('web', rule, `f${at}`)
  expect(pending.take('web')).toMatchObject({ isWhole: false })
  expect(pending.take('web')).toEqual({ files: [], isWhole: true })
})
