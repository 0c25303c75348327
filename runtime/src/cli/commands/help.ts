import { OvidError } from '../../message/errors.js'
import { type Command, usage } from '../command.js'
import { didYouMean, shortened } from '../words.js'

/** All there is to say about a command. */
export function helpText(command: Command): string {
  return [
    usage(command),
    `  ${command.summary}`,
    ...(command.details ?? []).map((line) => `  ${line}`),
    ...command.parameters.flatMap(({ options }) =>
      Object.entries(options ?? {}).map(([name, meaning]) => `  ${name}=N  ${meaning}`),
    ),
    ...(command.changes === true ? ['  --dry-run only shows what it would do.'] : []),
    ...(command.examples ?? []).map((example) => `  > ${example}`),
  ].join('\n')
}

const about = (command: Command) => ({
  name: command.name,
  usage: usage(command),
  summary: command.summary,
  details: command.details ?? [],
  examples: command.examples ?? [],
})

/** `help [VERB]` */
export const help: Command = {
  name: 'help',
  summary: 'Lists the commands, or explains one.',
  examples: ['help transform'],
  parameters: [{ name: 'VERB', kind: 'verb', optional: true }],
  run: async ({ commands }, { words }) => {
    const { VERB } = words
    if (VERB === undefined) {
      const width = Math.max(...commands.map((command) => command.name.length))
      const lines = commands.map((command) => `${command.name.padEnd(width)}  ${command.summary}`)
      return {
        data: commands.map(about),
        text: [...lines, 'help VERB says more; --json after a command shows its result as JSON, whole.'].join('\n'),
      }
    }
    const command = commands.find((each) => each.name === VERB)
    if (command === undefined) {
      const names = commands.map((each) => each.name)
      throw new OvidError(
        'unknown-command',
        `there is no command ${JSON.stringify(shortened(VERB))}.${didYouMean(VERB, names)} help lists the commands`,
      )
    }
    return { data: about(command), text: helpText(command) }
  },
}

/** `exit` */
export const exit: Command = {
  name: 'exit',
  summary: 'Stops the system and leaves. Agents are volatile: their state ends with it.',
  parameters: [],
  run: async (session) => {
    session.end()
    return { data: null, text: '' }
  },
}
