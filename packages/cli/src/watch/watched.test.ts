import { ignoreRules } from '@pando/control-plane'
import type { ServiceSpec, WatchRule } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { rulesOf, watchedBy } from './watched.js'

const service = (build: object, more: object = {}): ServiceSpec =>
  ({ name: 'users', revision: { build: { context: '/app/users', ...build } }, ...more }) as unknown as ServiceSpec
const rule = (change: Partial<WatchRule> = {}): WatchRule => ({
  action: 'rebuild',
  path: '/app/users',
  ignore: [],
  include: [],
  ...change,
})
const rules = { ignoreRules, source: ignoreRules(['node_modules/', '/dist/']) }

describe('rules', () => {
  it('are a rebuild of the folder by default, and none for what runs from its folder', () => {
    expect(rulesOf(service({}))).toEqual([rule()])
    expect(rulesOf(service({ isLive: true }))).toEqual([])
    expect(rulesOf(service({}, { watch: [] }))).toEqual([])
  })

  it('leave out what snapshots leave out, seen from the service’s folder', () => {
    const { isIgnored } = watchedBy(service({}), rule(), rules)
    expect(isIgnored('dist', true)).toBe(true)
    expect(isIgnored('src/dist', true)).toBe(false)
    const inner = watchedBy(service({}), rule({ path: '/app/users/src' }), rules)
    expect(inner.isIgnored('dist', true)).toBe(false)
    expect(inner.isIgnored('node_modules', true)).toBe(true)
  })

  it.each(['4913', 'main.js~', '.#main.js', '#main.js#', 'src/.main.js.swp', '.main.js.swx'])(
    'take no notice of %s, which an editor leaves',
    (name) => {
      const { isIgnored } = watchedBy(service({}), rule(), rules)
      expect(isIgnored(name, false)).toBe(true)
      expect(isIgnored('main.js', false)).toBe(false)
    },
  )

  it('count only what is included, by file or by a folder above it', () => {
    const { isIncluded } = watchedBy(service({}), rule({ include: ['*.conf', '/sites/'] }), rules)
    expect(isIncluded('deep/a.conf')).toBe(true)
    expect(isIncluded('sites/a.txt')).toBe(true)
    expect(isIncluded('sites')).toBe(false)
    expect(isIncluded('a.txt')).toBe(false)
  })
})
