/**
 * Every error a user can meet, by its stable code. The docs page is generated from this table.
 * A code never changes its meaning; a message may.
 */
export const errorCodes = {
  'agent-faulty':
    'A handler of the agent threw something other than an OvidError; the agent is wedged so that half-changed state does not run on.',
  'agent-lost':
    'The thread or box the agent ran on ended; the agent was volatile and its state is gone. Whether a request under way took effect is unknown.',
  'agent-pinned': 'Gateways and clients own sockets or callbacks and cannot be transformed, moved or upgraded.',
  'agent-transformed':
    'The agent is virtual: the command needs a physical one, or the transformation must be changed or removed first.',
  'already-transformed': 'The agent is already transformed by another transformation.',
  'cannot-start': 'An agent could not be started on its thread.',
  'closed': 'The client, gateway or box is closed.',
  'code-not-found': 'A module or an export of it that a system, an agent or a plug-in names cannot be loaded.',
  'command-invalid': 'A command line is not well formed: an argument is missing, unknown or no JSON.',
  'controller-busy': 'Too many changes are waiting for the controller.',
  'definition-invalid': 'An agent, transformation or system definition is not well formed.',
  'expression-failed': 'The JavaScript expression of a `js` command threw, or is none.',
  'internal-error':
    'Ovid itself failed, or code that runs in its process outside of any command; OVID_DEBUG=1 shows where.',
  'interrupted': 'The command was interrupted before it ended; whether what it asked for took effect is unknown.',
  'invalid-message': 'A message does not fit the schema its agent declares for it.',
  'keyless-work': 'The agent waits for a timer or a reply that belongs to no key, so its work cannot be divided.',
  'malformed': 'Bytes that should be a message or a body are not well formed.',
  'message-too-large': 'A message is larger than the limit (64 MiB).',
  'no-key': 'The agent is sharded and the message is about no single key.',
  'no-such-plan': 'There is no plan to show.',
  'no-such-place': 'There is no such box or thread.',
  'not-allowed': "The message is for the system's own agents.",
  'not-plain-data':
    'A message or state holds something that cannot cross threads: a function, a symbol, a class instance, undefined in an array, or a cycle.',
  'not-transformed': 'The agent is not transformed.',
  'nothing-to-undo': 'The history holds no change that can be undone.',
  'option-invalid': 'An option of a transformation is missing, unknown or out of range.',
  'overloaded': 'Too many requests of this client are under way; wait for some and try again.',
  'plan-failed': 'A reconfiguration did not reach its commit point; the old layout runs on.',
  'plugin-failed':
    'The code of a plug-in threw something other than an OvidError, or broke a law of its interface; nothing was changed.',
  'plugin-incompatible': 'The plug-in was written for another version of the runtime.',
  'plugin-unknown': 'No plug-in of that name is registered.',
  'requirement-missing': 'The transformation needs something the agent does not offer.',
  'timeout': 'No reply came in time. Whether the request took effect is unknown.',
  'unknown-agent': 'No agent of that name exists.',
  'unknown-command': 'There is no command of that name.',
  'unknown-message': 'The agent has no handler for messages of that type.',
  'weakens-guarantee': 'The change would weaken a guarantee; say accept=weaker if that is meant.',
  'version-mismatch': 'The code found is not of the version that is wanted.',
} as const satisfies Record<string, string>

export type ErrorCode = keyof typeof errorCodes

/**
 * The one error class of Ovid. `code` is stable and listed in `errorCodes`; agents may use codes of their own.
 *
 * Thrown by a handler before it touches its state, it becomes an error reply.
 */
export class OvidError extends Error {
  override readonly name = 'OvidError'
  readonly code: string

  constructor(code: ErrorCode | (string & {}), message: string) {
    super(message)
    this.code = code
  }
}

/** What an error reply carries. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
}

const LONGEST_CODE = 100
const LONGEST_TEXT = 4000

/** A text as an error may carry it: well formed, and no longer than a person reads. Anything can be thrown. */
function told(text: unknown, longest: number): string {
  let whole: string
  try {
    whole = String(text)
  } catch {
    whole = 'something that cannot be shown'
  }
  return (whole.length > longest ? `${whole.slice(0, longest)}… (${whole.length} characters)` : whole).toWellFormed()
}

export function errorBody(error: unknown): ErrorBody {
  if (error instanceof OvidError)
    return { code: told(error.code, LONGEST_CODE), message: told(error.message, LONGEST_TEXT) }
  return { code: 'agent-faulty', message: told(error instanceof Error ? error.message : error, LONGEST_TEXT) }
}

/** An error as an OvidError; one that is none gets the code given. */
export function asOvidError(error: unknown, code: ErrorCode): OvidError {
  return error instanceof OvidError ? error : new OvidError(code, errorBody(error).message)
}

/** A value as an error message may quote it. */
export function shown(value: unknown): string {
  try {
    return told(JSON.stringify(value) ?? value, 200)
  } catch {
    return told(value, 200)
  }
}

/** Asserts an invariant of Ovid itself. A failure is a bug and stops what it stands in. */
export function invariant(condition: unknown, name: string, detail?: () => string): asserts condition {
  if (!condition) throw new Error(`invariant ${name} broken${detail === undefined ? '' : `: ${detail()}`}`)
}
