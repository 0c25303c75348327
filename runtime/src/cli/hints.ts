import type { ErrorCode } from '../message/errors.js'

/** Which command helps, for codes whose messages come from where nobody knows of commands. */
const hints: Partial<Record<ErrorCode, string>> = {
  'agent-faulty': 'show faults says what happened',
  'agent-lost': 'show faults says what happened',
  'already-transformed': 'untransform takes a transformation off',
  'nothing-to-undo': 'history lists the changes',
  'no-key': 'what is about all keys can be asked before sharding, or of the state: state ID',
  'no-such-place': 'show boxes lists the threads',
  'not-transformed': 'show latt shows what is',
  'overloaded': 'try again when some are done',
  'plan-failed': 'show latt and show faults say how things are',
  'plugin-unknown': 'plugin list shows them; a system names its plug-ins in `plugins`',
  'timeout': 'state ID and stats ID show what the agent does',
}

/** What may be done about an error, if anything is known beyond its message. */
export function hintFor(code: string): string | undefined {
  return Object.hasOwn(hints, code) ? hints[code as ErrorCode] : undefined
}
