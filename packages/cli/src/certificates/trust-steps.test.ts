import { expect, it } from 'vitest'
import { trustSteps } from './trust-steps.js'

it('names the file in every step, quoted where a shell would take it apart', () => {
  expect(trustSteps('/etc/a/ca.pem', 8443).filter(([, what]) => !what.includes('/etc/a/ca.pem'))).toEqual([])
  expect(trustSteps("/etc/o'neil files/ca.pem", 9443)[0]?.[1]).toBe(
    String.raw`curl --cacert '/etc/o'\''neil files/ca.pem' https://localhost:9443/`,
  )
})
