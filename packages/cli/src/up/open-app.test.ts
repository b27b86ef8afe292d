import { PandoError } from '@pando/model'
import { expect, it } from 'vitest'
import type { Daemon } from '../daemon/daemon.js'
import { openApp } from './open-app.js'

const request = { manifest: '/shop/pando.yaml', variables: {} }
const portTaken = new PandoError('port_taken', 'the gateway cannot listen on 127.0.0.1:443')

/** One whose control plane is away and refuses every manifest; `takesOver` is the manifest of the app that it finds running. */
function daemonOf(takesOver: string): { daemon: Daemon; calls: string[] } {
  const calls: string[] = []
  const control = {
    async *events() {},
    deployments: () => Promise.resolve([]),
    status: () => Promise.resolve({ state: 'running', manifest: takesOver }),
    apply: () => Promise.reject(portTaken),
    down: async () => void calls.push('down'),
  }
  const daemon = {
    answers: () => Promise.resolve(false),
    start: async () => void calls.push('start'),
    control: () => control,
  }
  return { daemon: daemon as unknown as Daemon, calls }
}

it('ends a control plane that was started for a manifest that cannot be applied', async () => {
  const { daemon, calls } = daemonOf('')
  await expect(openApp(daemon, request, Date.now() + 60_000)).rejects.toBe(portTaken)
  expect(calls).toEqual(['start', 'down'])
})

it('leaves an app alone that the control plane took over: a manifest that cannot be applied does not stop it', async () => {
  const { daemon, calls } = daemonOf('/shop/pando.yaml')
  await expect(openApp(daemon, request, Date.now() + 60_000)).rejects.toBe(portTaken)
  expect(calls).toEqual(['start'])
})
