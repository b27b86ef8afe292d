import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { root } from './source-tree.js'

interface Summary {
  passed: number
  failed: number
  skipped: string[]
  troubles: string[]
}

const { summarize } = (await import(pathToFileURL(join(root, 'scripts/test-summary.mjs')).href)) as {
  summarize(report: unknown, exitCode: number, root: string): Summary
}

const file = (status: string, tests: readonly string[], message = '') => ({
  name: '/repo/a.test.ts',
  status,
  message,
  assertionResults: tests.map((test, index) => ({ status: test, fullName: `test ${index}` })),
})

describe('the count of a run', () => {
  it('counts what passed, failed and was skipped', () => {
    const report = { testResults: [file('failed', ['passed', 'failed', 'pending', 'passed'])] }
    expect(summarize(report, 1, '/repo')).toEqual({
      passed: 2,
      failed: 1,
      skipped: ['a.test.ts: test 2'],
      troubles: [],
    })
  })

  it('does not take a file that could not be loaded for one without failures', () => {
    const report = { testResults: [file('passed', ['passed']), file('failed', [], 'Cannot find module x.\nat y')] }
    expect(summarize(report, 1, '/repo').troubles).toEqual(['a.test.ts: Cannot find module x'])
  })

  it('does not take a run of nothing for a success', () => {
    expect(summarize({ testResults: [] }, 0, '/repo').troubles).toEqual(['no test was executed'])
    expect(summarize({ testResults: [file('passed', ['pending'])] }, 0, '/repo').troubles).toEqual([
      'no test was executed',
    ])
  })

  it('believes the exit code when the tests themselves passed', () => {
    const report = { testResults: [file('passed', ['passed'])] }
    expect(summarize(report, 1, '/repo').troubles).toEqual(['vitest ended with code 1; the error is above'])
  })
})
