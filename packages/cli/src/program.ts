import { Command, CommanderError } from 'commander'
import { PandoError } from '@pando/model'
import { addGlobalOptions, type Attach } from './command.js'
import { abortCommand } from './commands/abort.js'
import { buildCommand } from './commands/build.js'
import { certCommand } from './commands/cert.js'
import { completeCommand, completionCommand } from './commands/completion.js'
import { configCommand } from './commands/config.js'
import { deployCommand } from './commands/deploy.js'
import { diffCommand } from './commands/diff.js'
import { doctorCommand } from './commands/doctor.js'
import { downCommand } from './commands/down.js'
import { eventsCommand } from './commands/events.js'
import { historyCommand } from './commands/history.js'
import { initCommand } from './commands/init.js'
import { jobsCommand } from './commands/jobs.js'
import { keyCommand } from './commands/key.js'
import { logsCommand } from './commands/logs.js'
import { openCommand } from './commands/open.js'
import { promoteCommand } from './commands/promote.js'
import { pruneCommand } from './commands/prune.js'
import { psCommand } from './commands/ps.js'
import { removeCommand } from './commands/remove.js'
import { restartCommand } from './commands/restart.js'
import { rollbackCommand } from './commands/rollback.js'
import { routesCommand } from './commands/routes.js'
import { runCommand } from './commands/run.js'
import { scaleCommand } from './commands/scale.js'
import { startCommand } from './commands/start.js'
import { stopCommand } from './commands/stop.js'
import { upCommand } from './commands/up.js'
import { whyCommand } from './commands/why.js'
import type { Context } from './context.js'
import { exitCodeOf, renderFailure, type ExitCode } from './failure.js'
import { version } from './index.js'
import { renderDiagnostics } from './manifest-reader.js'
import { withNamedFiles } from './named-files.js'

/** Runs one command line (without the program's name) and resolves with its exit code; never rejects. */
export async function run(args: readonly string[], context: Context): Promise<ExitCode> {
  let code: ExitCode = 0
  const attach: Attach = (command, action) =>
    command.action(async () => {
      // The command's own options go before those that stand in front of it.
      const named = withNamedFiles(context, { ...program.opts(), ...command.opts() })
      code = await action({ ...named, args: command.args } as unknown as Parameters<typeof action>[0])
    })
  const program = buildProgram(context, attach)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    // Commander has said already what is wrong with the command line, or has shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return fail(error, context, isJson(args))
  }
}

/** Every command with its options, each with the action that `attach` gives it. */
export function buildProgram(context: Context, attach: Attach): Command {
  const program = new Command('pando')
  program
    .description('Runs a system of services in any languages from one manifest.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--no-color', 'write without colours (as does NO_COLOR)')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, context.paint.red(context.paint.bold('error:')))),
    })
    .showHelpAfterError(context.paint.dim('(pando --help shows what there is)'))
  addGlobalOptions(program, { follows: false })
  const commands = [
    upCommand,
    buildCommand,
    downCommand,
    pruneCommand,
    psCommand,
    logsCommand,
    runCommand,
    jobsCommand,
    deployCommand,
    removeCommand,
    rollbackCommand,
    historyCommand,
    diffCommand,
    scaleCommand,
    restartCommand,
    promoteCommand,
    abortCommand,
    stopCommand,
    startCommand,
    routesCommand,
    keyCommand,
    eventsCommand,
    whyCommand,
    certCommand,
    openCommand,
    configCommand,
    initCommand,
    doctorCommand,
    completionCommand,
  ]
  for (const command of commands) add(program, command(attach))
  add(program, completeCommand(attach, program), { hidden: true })
  return program
}

function add(program: Command, command: Command, options: { readonly hidden?: boolean } = {}): void {
  command.copyInheritedSettings(program)
  for (const child of command.commands) child.copyInheritedSettings(command)
  // Who has the command right is shown that command's own help.
  command.showHelpAfterError(`(pando ${command.name()} --help shows how it is called)`)
  program.addCommand(command, options)
}

async function fail(error: unknown, context: Context, asJson: boolean): Promise<ExitCode> {
  const problem = PandoError.from(error)
  if (asJson) context.stdout.write(`${JSON.stringify({ error: problem.toProblem() }, null, 2)}\n`)
  else {
    const isDebug = (context.env['PANDO_DEBUG'] ?? '') !== ''
    const { paint, cwd } = context
    const diagnostics =
      problem.diagnostics.length === 0 ? '' : await renderDiagnostics(problem.diagnostics, { cwd, paint })
    context.stderr.write(renderFailure(problem, { paint, isDebug, diagnostics }))
  }
  return exitCodeOf(problem)
}

/** Said without the parser, for it may be the parser's result that is missing. */
function isJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? undefined : end).includes('--json')
}
