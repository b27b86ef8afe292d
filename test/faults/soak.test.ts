import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SoakApp } from '../soak/soak-app.js'
import { soakOptions } from '../soak/soak-options.js'
import { markdownOf, tableOf } from '../soak/soak-outcome.js'
import { SoakRun } from '../soak/soak-run.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { seededRandom } from '../support/seeded-random.js'

// In its short form one of the tests; `npm run soak` hands over a long one.
const options = soakOptions(process.env['PANDO_SOAK'])
const isLong = process.env['PANDO_SOAK'] !== undefined
const loadBefore = loadavg()[0]?.toFixed(1) ?? ''

let engine: ContainerEngine | null = null
let soak: SoakApp

beforeEach(async () => {
  if (options.driver !== 'process') {
    engine = await ContainerEngine.start()
    await engine.importNode()
  }
  soak = await SoakApp.create(options.driver, engine?.host ?? null)
  soak.write({ name: 'v0', source: 's0' })
  await soak.app.up()
  await soak.settled('the first revision stands')
}, 300_000)

afterEach(async () => {
  await soak?.app.dispose()
  await engine?.stop()
}, 120_000)

test.skipIf(options.driver !== 'process' && !hasEngine)(
  `a soak of ${options.rounds} rounds (seed ${options.seed})`,
  async () => {
    const say = (line: string): void => (isLong ? console.log(line) : undefined)
    const { address } = await soak.service('calls')
    const mesh = `${address?.host}:${address?.port}`
    const outcome = await new SoakRun(soak, options, mesh, seededRandom(options.seed), say).run()
    const left = await engine?.json<unknown[]>('GET', '/containers/json?all=true')
    if (isLong || outcome.violations.length > 0) console.log(`\n${tableOf(outcome)}\n`)
    if (options.write !== null) writeSection(options.write, markdownOf(outcome, new Date(), loadBefore))
    expect(outcome.violations).toEqual([])
    expect(left ?? []).toEqual([])
  },
  options.minutes * 60_000 + 300_000,
)

/** Replaces the section of the same heading, or adds it. */
function writeSection(file: string, section: string): void {
  const heading = section.slice(0, section.indexOf('\n'))
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '# Soak\n'
  const kept = text.split(/^(?=## )/m).filter((part) => !part.startsWith(`${heading}\n`))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, [...kept.map((part) => `${part.trimEnd()}\n`), section].join('\n'))
}
