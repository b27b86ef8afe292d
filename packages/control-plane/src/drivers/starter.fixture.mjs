// Starts instances one after the other, and ends and forgets some, until it is killed: the control plane of the crash test.
// It runs the built driver.
import { ProcessDriver } from '../../dist/drivers/process-driver.js'
import { systemClock } from '../../dist/clock.js'

const [, , stateDir, mark] = process.argv
const [name, value] = mark.split('=')
const driver = new ProcessDriver({ stateDir, clock: systemClock })
await driver.list()
process.stdout.write('ready\n')
for (let i = 0; i < 100; i += 1) {
  const resources = { memoryBytes: i % 2 === 0 ? null : 1 << 28, cpus: null }
  await driver.start({
    id: `a-${i}`,
    service: 'a',
    slot: i,
    revision: '0123456789',
    generation: 0,
    address: null,
    program: { command: ['sleep', '600'], workdir: '/', environment: {}, path: [] },
    environment: { PATH: '/usr/bin:/bin', [name]: value },
    spec: { resources, stopSignal: 'SIGTERM', logs: { maxBytes: 1048576, maxFiles: 3 } },
  })
  if (i % 3 === 2) {
    const ended = `a-${i - 1}`
    const hasExited = new Promise((resolve) => driver.watch(({ id }) => id === ended && resolve()))
    await driver.stop(ended)
    await hasExited
    await driver.remove(ended)
  }
}
