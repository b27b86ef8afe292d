import type { AppSpec, AppStatus } from '@pando/model'
import { PandoError } from '@pando/model'
import type { Command } from 'commander'
import { daemonAt, newCommand, type Attach, type Invocation } from '../command.js'
import { print, printJson } from '../context.js'
import { findControlPlane } from '../doctor/control-plane.js'
import { ok, renderFindings, type Finding } from '../doctor/finding.js'
import { findLimits, findNode, findRoom, findStateDir } from '../doctor/machine.js'
import { findPort, isStartedFor } from '../doctor/ports.js'
import { findDocker, findTools, runTool } from '../doctor/tools.js'
import { readManifest } from '../manifest-reader.js'
import { findProject, type Project } from '../project.js'
import { pidsOf } from '../up/remains.js'

export function doctorCommand(attach: Attach): Command {
  const command = newCommand('doctor', 'check whether this machine can run what the manifest describes')
  return attach(command, async (invocation) => {
    const { context, options } = invocation
    const findings = await examine(invocation)
    const isWell = findings.every(({ state }) => state !== 'fail')
    if (options.json === true) printJson(context, { ok: isWell, findings })
    else {
      print(context, renderFindings(findings, context.paint))
      print(
        context,
        isWell ? '\nNothing stands in the way of pando up.' : '\nWhat is marked FAIL has to be mended first.',
      )
    }
    return isWell ? 0 : 1
  })
}

async function examine(invocation: Invocation<unknown>): Promise<Finding[]> {
  const { context, options } = invocation
  const findings = [findNode(process.version)]
  let project: Project
  try {
    project = findProject(context.cwd, options)
  } catch (error) {
    return [...findings, manifestFault(error), findLimits(), await findDocker(runTool, false)]
  }
  const read = await readOrFault(project, context.env)
  findings.push(read.finding)
  if (read.app !== null) findings.push(...(await findTools(read.app, runTool)))
  findings.push(findStateDir(project.stateDir), findRoom(project.stateDir))
  const { finding, status } = await findControlPlane(daemonAt(project.stateDir, context))
  findings.push(finding, ...faultsOf(status))
  if (read.app !== null) findings.push(...(await findPorts(read.app, status, project.stateDir)))
  const hasDockerfile = Object.values(read.app?.services ?? {}).some(
    ({ revision }) => revision.build.kind === 'dockerfile',
  )
  return [...findings, findLimits(), await findDocker(runTool, hasDockerfile)]
}

function faultsOf(status: AppStatus | null): Finding[] {
  return (status?.faults ?? []).map((detail) => ({ check: 'state', state: 'fail', detail, next: '' }))
}

async function findPorts(app: AppSpec, status: AppStatus | null, stateDir: string): Promise<Finding[]> {
  const pids = new Set<number>(status === null ? [] : [status.pid, ...pidsOf(status)])
  if (status !== null && status.gateway.pid !== null) pids.add(status.gateway.pid)
  // A gateway goes on when its control plane has died.
  const own = { has: (pid: number) => pids.has(pid) || isStartedFor(stateDir, pid), isRunning: status !== null }
  const findings = [await findPort({ check: 'gateway port', address: app.gateway, setting: 'gateway.port' }, own)]
  const tlsPort = app.gateway.tls?.port ?? 0
  if (tlsPort !== 0) {
    const address = { host: app.gateway.host, port: tlsPort }
    findings.push(await findPort({ check: 'encrypted port', address, setting: 'gateway.tls.port' }, own))
  }
  // Port 0 lets the system choose: it is always free.
  if (app.api.port !== 0) {
    findings.push(await findPort({ check: 'control API port', address: app.api, setting: 'api.port' }, own))
  }
  for (const service of Object.values(app.services)) {
    const { port } = service.revision
    if (port === null) continue
    const setting = `services.${service.name}.port`
    findings.push(
      await findPort({ check: `port of ${service.name}`, address: { host: '127.0.0.1', port }, setting }, own),
    )
  }
  return findings
}

async function readOrFault(
  project: Project,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly finding: Finding; readonly app: AppSpec | null }> {
  try {
    const { app } = await readManifest(project.manifest, env)
    const count = Object.keys(app.services).length
    return { finding: ok('manifest', `${project.manifest}: ${count} ${count === 1 ? 'service' : 'services'}`), app }
  } catch (error) {
    return { finding: manifestFault(error), app: null }
  }
}

function manifestFault(error: unknown): Finding {
  const problem = PandoError.from(error)
  const first = problem.diagnostics[0]
  const place = first === undefined ? '' : ` (${first.file}:${first.line}:${first.column} ${first.message})`
  const next = problem.diagnostics.length > 0 ? 'pando config shows every mistake' : (problem.hint ?? '')
  return { check: 'manifest', state: 'fail', detail: `${problem.message}${place}`, next }
}
