import { OvidError } from '../../message/errors.js'
import { type Command, type Given, word } from '../command.js'
import type { Session } from '../session.js'
import { fromJsonValue, shown } from '../values.js'
import { didYouMean, listed, shortened } from '../words.js'

/**
 * The JSON of a message.
 *
 * @throws OvidError `command-invalid`
 */
export function messageBody(given: Given): unknown {
  const text = given.words.JSON
  if (text === undefined) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? shortened(error.message, 120) : ''
    throw new OvidError(
      'command-invalid',
      `the message must be JSON such as {"key": "a"}; found ${shortened(text)} (${why})`,
    )
  }
  return fromJsonValue(value)
}

/** The agent and message type of a command; refuses early what the agent does not understand. */
export async function addressee(session: Session, given: Given): Promise<{ id: string; type: string }> {
  const node = await session.node(word(given, 'ID'))
  const type = word(given, 'MESSAGE')
  const definition = session.definitionOf(node)
  if (definition !== undefined && !definition.handlers.has(type)) {
    const types = [...definition.handlers.keys()]
    throw new OvidError(
      'unknown-message',
      `${node.id} has no message ${JSON.stringify(shortened(type))}.${didYouMean(type, types)} It has ${listed(types, 24)}`,
    )
  }
  return { id: node.id, type }
}

/** An agent that does not want null says so in the words of its schema; who left the message out wants to know where it goes. */
function withoutMessage(error: unknown, id: string, type: string): unknown {
  if (!(error instanceof OvidError) || error.code !== 'invalid-message') return error
  return new OvidError(
    error.code,
    `${error.message}. The message stands after its type as JSON: call ${id} ${type} {…}`,
  )
}

const parameters = [
  { name: 'ID', kind: 'agent' },
  { name: 'MESSAGE', kind: 'message' },
  { name: 'JSON', kind: 'json', optional: true },
] as const

/** `call ID MESSAGE {json}` */
export const call: Command = {
  name: 'call',
  summary: 'Sends a message to an agent and shows its reply.',
  details: [
    'The rest of the line is the message as JSON; without it the message is null. What JSON has no form for is written as',
    '{"$bytes": "base64"}, {"$bigint": "123"}, {"$date": "…Z"}, {"$map": [[key, value]]}, {"$set": [member]}; --json answers in that form.',
  ],
  examples: ['call KVS put {"key": "a", "value": "1"}'],
  parameters,
  run: async (session, given) => {
    const body = messageBody(given)
    const { id, type } = await addressee(session, given)
    const data = await session.client.call(id, type, body).catch((error: unknown) => {
      throw given.words.JSON === undefined ? withoutMessage(error, id, type) : error
    })
    return { data, text: shown(data) }
  },
}

/** `tell ID MESSAGE {json}` */
export const tell: Command = {
  name: 'tell',
  summary: 'Sends a message that wants no reply. What goes wrong with it is among the faults.',
  examples: ['tell KVS delete {"key": "a"}'],
  parameters,
  run: async (session, given) => {
    const body = messageBody(given)
    const { id, type } = await addressee(session, given)
    session.client.tell(id, type, body)
    return { data: null, text: 'sent' }
  },
}
