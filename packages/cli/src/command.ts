import { Command, Option } from 'commander'
import type { Context, GlobalOptions } from './context.js'
import { Daemon } from './daemon/daemon.js'
import type { ExitCode } from './failure.js'
import { findProject, findStateDir, type Project } from './project.js'

/** One invocation: what it was given, and the exit code that it leaves. */
export interface Invocation<O> {
  readonly context: Context
  readonly options: O & GlobalOptions
  readonly args: readonly string[]
}

export type Action<O> = (invocation: Invocation<O>) => Promise<ExitCode>

/** Where commands hang their actions; the program behind it runs them and keeps the exit code. */
export type Attach = <O>(command: Command, action: Action<O>) => Command

/** A command with the options that all have. Where `-f` means "follow", the manifest is named with `--file` only. */
export function newCommand(name: string, description: string, { follows = false } = {}): Command {
  const command = new Command(name).description(description)
  addGlobalOptions(command, { follows })
  if (follows) command.option('-f, --follow', 'go on with what comes, until Ctrl-C')
  return command
}

export function addGlobalOptions(command: Command, { follows }: { readonly follows: boolean }): void {
  command
    .addOption(
      new Option(
        follows ? '--file <file>' : '-f, --file <file>',
        'the manifest (default: the nearest pando.yaml, else compose.yaml); again for Compose files that are laid over it',
      ).argParser((file: string, before: readonly string[] | undefined) => [...(before ?? []), file]),
    )
    .addOption(new Option('--state-dir <dir>', 'where Pando keeps its state (default: .pando beside the manifest)'))
    .addOption(new Option('--json', 'answer in JSON'))
}

export function projectOf({ context, options }: Invocation<unknown>): Project {
  return findProject(context.cwd, options)
}

/** The control plane that this invocation speaks to. */
export function daemonOf({ context, options }: Invocation<unknown>): Daemon {
  return daemonAt(findStateDir(context.cwd, options), context)
}

/** `PANDO_DAEMON` names another program than the control plane's own, which is how the commands are tested without one. */
export function daemonAt(stateDir: string, context: Context): Daemon {
  const program = context.env['PANDO_DAEMON']
  return new Daemon({ stateDir, env: context.env, ...(program === undefined ? {} : { program }) })
}
