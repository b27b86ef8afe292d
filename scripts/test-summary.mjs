/**
 * Counts of one run, from vitest's JSON report. `troubles` are failures that no test stands for: a file that could not be
 * loaded, an error outside every test, a run in which no test was executed at all.
 */
export function summarize(report, exitCode, root) {
  const summary = { passed: 0, failed: 0, skipped: [], troubles: [] }
  if (report === null) return summary
  for (const file of report.testResults) {
    const name = file.name.replace(`${root}/`, '')
    const failedBefore = summary.failed
    for (const test of file.assertionResults) {
      if (test.status === 'passed') summary.passed += 1
      else if (test.status === 'failed') summary.failed += 1
      else summary.skipped.push(`${name}: ${test.fullName}`)
    }
    if (file.status === 'failed' && summary.failed === failedBefore) {
      summary.troubles.push(`${name}: ${firstLine(file.message) || 'the file failed'}`)
    }
  }
  if (summary.passed + summary.failed === 0 && summary.troubles.length === 0)
    summary.troubles.push('no test was executed')
  if (exitCode !== 0 && summary.failed === 0 && summary.troubles.length === 0) {
    summary.troubles.push(`vitest ended with code ${exitCode}; the error is above`)
  }
  return summary
}

function firstLine(text) {
  return (text ?? '').split('\n', 1)[0].replace(/\.$/, '')
}
