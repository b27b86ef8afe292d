import { describe, expect, it } from 'vitest'
import { filesBelow, read } from './source-tree.js'

const isText = (file: string): boolean => !/\.(png|jpg|ico|woff2?|db|jar|gz)$/.test(file)
const lockfiles = filesBelow().filter((file) => /(^|\/)(package-lock\.json|npm-shrinkwrap\.json)$/.test(file))

/** Packages that declare an install script which they can do without: .npmrc keeps all of them off. */
const idleScripts: Record<string, string> = {
  'node_modules/@photostructure/sqlite': 'looks for its prebuilt binary, which comes inside the package',
  'node_modules/protobufjs': 'prints a note about version ranges',
}

describe('the repository', () => {
  it('has lockfiles that leave the choice of registry to the machine', () => {
    expect(lockfiles).toContain('package-lock.json')
    const wrong = lockfiles.filter((file) => /"resolved": "https?:/.test(read(file)))
    expect(wrong).toEqual([])
  })

  it('names no package index to install from', () => {
    const setting = /^\s*(registry\s*=|--(extra-)?index-url|-i\s+http|--find-links|index-url\s*=|GOPROXY=|\[source\.)/m
    const files = filesBelow().filter((file) =>
      /(^|\/)(\.npmrc|requirements[^/]*\.txt|pip\.conf|.*\.toml|.*\.sh|run)$/.test(file),
    )
    expect(files.filter((file) => setting.test(read(file)))).toEqual([])
  })

  it('names no absolute place of the machine it was written on', () => {
    const places = new RegExp(`(^|[^\\w./-])/(${['work', 'home/[a-z]+', 'Users/[a-z]+'].join('|')})/\\w`, 'm')
    const wrong = filesBelow().filter(
      (file) => isText(file) && !file.startsWith('test/house/') && places.test(read(file)),
    )
    expect(wrong).toEqual([])
  })

  it('installs nothing that runs at install', () => {
    const lock = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { hasInstallScript?: boolean; optional?: boolean }>
    }
    const scripted = Object.entries(lock.packages)
      .filter(([, entry]) => entry.hasInstallScript === true && entry.optional !== true)
      .map(([path]) => path)
    expect(scripted.filter((path) => idleScripts[path] === undefined)).toEqual([])
    expect(read('.npmrc')).toContain('ignore-scripts=true')
  })
})
