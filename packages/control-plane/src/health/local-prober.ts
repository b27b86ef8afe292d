import { PandoError, type HealthProbe } from '@pando/model'
import type { CommandRunner } from '../drivers/driver.js'
import { probeGrpc } from './grpc-probe.js'
import { probeHttp } from './http-probe.js'
import type { Prober, ProbeResult, ProbeTarget } from './prober.js'
import { probeTcp } from './tcp-probe.js'

/** Asks instances on this machine: over the network at the address they were given, or by a command beside them. */
export class LocalProber implements Prober {
  readonly #commands: CommandRunner

  constructor(options: { commands: CommandRunner }) {
    this.#commands = options.commands
  }

  async probe(target: ProbeTarget, probe: HealthProbe, timeoutMs: number): Promise<ProbeResult> {
    try {
      return await this.#ask(target, probe, timeoutMs)
    } catch (error) {
      return { ok: false, detail: PandoError.from(error).message }
    }
  }

  async #ask({ id, address }: ProbeTarget, probe: HealthProbe, timeoutMs: number): Promise<ProbeResult> {
    if (probe.kind === 'none') return { ok: true, detail: 'runs' }
    if (probe.kind === 'command') return this.#runCommand(id, probe.command, timeoutMs)
    if (address === null) return { ok: false, detail: 'it listens on nothing that could be asked' }
    switch (probe.kind) {
      case 'http':
        return probeHttp(address, probe.path, timeoutMs)
      case 'grpc':
        return probeGrpc(address, probe.service, timeoutMs)
      case 'tcp':
        return probeTcp(address, timeoutMs)
    }
  }

  async #runCommand(id: string, command: string | readonly string[], timeoutMs: number): Promise<ProbeResult> {
    const { exitCode, output } = await this.#commands.run(id, command, timeoutMs)
    if (exitCode === 0) return { ok: true, detail: 'exit code 0' }
    const lastLine = output.trimEnd().split('\n').at(-1)?.trim().slice(0, 200) ?? ''
    return { ok: false, detail: `health command: exit code ${exitCode}${lastLine === '' ? '' : ` (${lastLine})`}` }
  }
}
