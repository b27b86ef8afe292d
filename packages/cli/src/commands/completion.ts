import { PandoError } from '@pando/model'
import { Command } from 'commander'
import { daemonOf, type Attach, type Invocation } from '../command.js'

const shells = ['bash', 'zsh', 'fish']

export function completionCommand(attach: Attach): Command {
  const command = new Command('completion')
    .description('print the completion script of a shell')
    .argument('<shell>', shells.join(', '))
    .addHelpText('after', '\nFor example in ~/.bashrc: source <(pando completion bash)')
  return attach(command, async ({ args }) => {
    const shell = args[0] ?? ''
    if (!shells.includes(shell)) {
      throw new PandoError('usage', `there is no completion for "${shell}"`, {
        hint: `take one of ${shells.join(', ')}`,
      })
    }
    const { script } = await import('@bomb.sh/tab')
    script(shell, 'pando', 'pando')
    return 0
  })
}

/** What the completion scripts call: `pando complete -- WORDS`. */
export function completeCommand(attach: Attach, program: Command): Command {
  const command = new Command('complete').argument('[words...]').allowUnknownOption()
  return attach(command, async (invocation) => {
    const { default: tab } = await import('@bomb.sh/tab')
    const services = await servicesOf(invocation)
    for (const option of program.options) tab.option(nameOf(option.long), option.description)
    for (const [name, child] of program.commands.flatMap(withGroup)) {
      if (name === 'complete') continue
      const known = tab.command(name, child.description())
      for (const option of child.options) {
        if (option.required) known.option(nameOf(option.long), option.description, () => {})
        else known.option(nameOf(option.long), option.description)
      }
      for (const argument of child.registeredArguments) {
        const words = child.name() === 'completion' ? shells : argument.name().startsWith('service') ? services : []
        const suffix = child.name() === 'scale' ? '=' : ''
        known.argument(
          argument.name(),
          (complete) => {
            for (const word of words) complete(`${word}${suffix}`, '')
          },
          argument.variadic,
        )
      }
    }
    tab.parse([...invocation.args])
    return 0
  })
}

/** A command and those below it, each with all the words that call it. */
function withGroup(command: Command): readonly (readonly [name: string, command: Command])[] {
  const below = command.commands.map((child) => [`${command.name()} ${child.name()}`, child] as const)
  return [[command.name(), command], ...below]
}

/** Names of what runs; none when nothing does: a completion never fails. */
async function servicesOf(invocation: Invocation<unknown>): Promise<readonly string[]> {
  try {
    return (await daemonOf(invocation).control().status()).services.map(({ name }) => name)
  } catch {
    return []
  }
}

function nameOf(long: string | undefined): string {
  return (long ?? '').replace(/^--/, '')
}
