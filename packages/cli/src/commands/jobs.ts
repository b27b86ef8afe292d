import type { Command } from 'commander'
import type { JobRun, JobsStatus } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { renderDuration } from '../render/duration.js'
import { renderTable } from '../render/table.js'
import { withRunning } from '../running.js'

export function jobsCommand(attach: Attach): Command {
  const command = newCommand('jobs', 'show runs to an end, and when schedules ask for the next; newest first').argument(
    '[service]',
    'only this one',
  )
  return attach(command, async (invocation) => {
    const { context, options, args } = invocation
    const jobs = await withRunning(daemonOf(invocation), (control) => control.jobs(args[0] ?? null))
    if (options.json === true) printJson(context, jobs)
    else print(context, render(jobs, context))
    return 0
  })
}

function render({ schedules, runs }: JobsStatus, context: Context): string {
  const { paint } = context
  const now = context.now()
  const tone = {
    running: paint.yellow,
    succeeded: paint.green,
    failed: paint.red,
    stopped: paint.dim,
    missed: paint.yellow,
  }
  const planned = schedules.map(({ service, cron, timeZone, isSuspended, nextAt }) => [
    paint.name(service),
    cron,
    timeZone ?? 'local',
    isSuspended ? 'suspended' : nextAt === null ? 'never' : `in ${renderDuration(nextAt - now)}`,
  ])
  const done = runs.map((run) => [
    paint.name(run.id, run.service),
    renderDuration(now - run.startedAt),
    run.result === 'missed' ? '-' : renderDuration((run.endedAt ?? now) - run.startedAt),
    run.cause,
    tone[run.result](run.result),
    exitOf(run),
    paint.dim(run.reason.split('\n')[0] ?? ''),
  ])
  const tables = [renderTable(['RUN', 'AGE', 'TOOK', 'CAUSE', 'RESULT', 'EXIT', ''], done, { paint })]
  if (planned.length > 0) tables.unshift(renderTable(['SERVICE', 'SCHEDULE', 'ZONE', 'NEXT'], planned, { paint }))
  return tables.join('\n\n')
}

function exitOf({ exitCode }: JobRun): string {
  return exitCode === null ? '-' : String(exitCode)
}
