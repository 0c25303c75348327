import { inspect } from 'node:util'
import { OvidError } from '../../message/errors.js'
import { type Command, word } from '../command.js'
import type { Session } from '../session.js'
import { shown } from '../values.js'
import { shortened } from '../words.js'

type Body = (...values: unknown[]) => Promise<unknown>
const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => Body

/**
 * The text as a function: of this realm, so that what it makes is plain data to agents; and not strict, so that
 * `x = …` makes a global that later lines find.
 */
function compiled(text: string, names: readonly string[]): Body {
  const expression = text.replace(/;\s*$/, '')
  try {
    return new AsyncFunction(...names, `return (${expression}\n)`)
  } catch {
    try {
      return new AsyncFunction(...names, text)
    } catch (error) {
      throw new OvidError(
        'expression-failed',
        `${shortened(text)} is no JavaScript: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}

async function evaluate(text: string, session: Session): Promise<unknown> {
  const { client, box, controller } = session
  const scope = { client, box, controller, agent: (name: string) => client.agent(name) }
  const body = compiled(text, Object.keys(scope))
  try {
    return await body(...Object.values(scope))
  } catch (error) {
    if (error instanceof OvidError) throw error
    const failure = new OvidError(
      'expression-failed',
      error instanceof Error ? `${error.name}: ${error.message}` : `threw ${shortened(inspect(error))}`,
    )
    if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack
    throw failure
  }
}

/** `js EXPRESSION` */
export const js: Command = {
  name: 'js',
  summary: 'Evaluates JavaScript with client, box, controller and agent(NAME) at hand; await is allowed.',
  details: ['What is assigned to a new name (x = …) is there in later lines.'],
  examples: ['js await agent("KVS").get({ key: "a" })', 'js (await box.statistics()).length'],
  parameters: [{ name: 'EXPRESSION', kind: 'text' }],
  run: async (session, given) => {
    const data = await evaluate(word(given, 'EXPRESSION'), session)
    return { data, text: shown(data, 3) }
  },
}
