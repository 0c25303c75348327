import type { Parameter } from './command.js'
import type { Session } from './session.js'

/**
 * What a parameter may be, given the words before it: for Tab, and for messages about what is missing. Empty where
 * nobody can know.
 */
export async function candidates(
  parameter: Parameter,
  session: Session,
  before: Readonly<Record<string, string>>,
): Promise<string[]> {
  switch (parameter.kind) {
    case 'agent':
      return session.ids()
    case 'message':
      return session.messagesOf(before.ID ?? '')
    case 'plugin':
      return (await session.controller.plugins()).map((plugin) => plugin.name)
    case 'place':
      return session.places()
    case 'choice':
      return [...(parameter.choices ?? [])]
    case 'options':
      return (await optionNames(parameter, session, before)).map((name) => `${name}=`)
    case 'verb':
      return session.commands.map((command) => command.name)
    case 'module':
    case 'count':
    case 'json':
    case 'text':
      return []
  }
}

async function optionNames(
  parameter: Parameter,
  session: Session,
  before: Readonly<Record<string, string>>,
): Promise<string[]> {
  if (parameter.options !== undefined) return Object.keys(parameter.options)
  const plugins = await session.controller.plugins()
  return Object.keys(plugins.find((plugin) => plugin.name === before.PLUGIN)?.options ?? {})
}
