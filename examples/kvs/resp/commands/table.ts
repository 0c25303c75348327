import { Failure, type Reply, Status } from '../reply.js'
import { type Asking, type Command, failureOf, noKeys, type Session, wrongArity } from './command.js'
import { keys } from './keys.js'
import { server, unknownSubcommand } from './server.js'
import { strings } from './strings.js'

/** How much of a stranger's command an error repeats, as in Redis. */
const longestQuote = 128

const describing: Command = { name: 'command', arity: -1, flags: ['random'], keys: noKeys, run: describe }

/** All commands, by name in lower case. */
const commands: ReadonlyMap<string, Command> = new Map(
  [...strings, ...keys, ...server, describing].map((command) => [command.name, command]),
)

/**
 * What a request is replied, or what must be asked before it can be.
 *
 * HELLO is not known, as before Redis 6: clients that try RESP3 take that as the sign to go on in RESP2.
 *
 * @param request the command's name and its arguments
 */
export function respond(request: readonly Buffer[], session: Session): Reply | Asking {
  const [nameBytes, ...args] = request
  const name = nameBytes === undefined ? '' : nameBytes.toString('utf8', 0, longestQuote)
  const command = commands.get(name.toLowerCase())
  if (command === undefined) return unknownCommand(name, args)
  const { arity } = command
  if (arity > 0 ? request.length !== arity : request.length < -arity) return wrongArity(command.name)
  try {
    return command.run(args, session)
  } catch (error) {
    return failureOf(error)
  }
}

function unknownCommand(name: string, args: readonly Buffer[]): Failure {
  let quoted = ''
  for (const argument of args) {
    if (quoted.length >= longestQuote) break
    quoted += `'${argument.toString('utf8', 0, longestQuote - quoted.length)}' `
  }
  return new Failure(`ERR unknown command '${name}', with args beginning with: ${quoted}`)
}

function describe(args: readonly Buffer[]): Reply {
  const [subcommand, ...names] = args.map((bytes) => bytes.toString('utf8').toLowerCase())
  switch (subcommand) {
    case undefined:
      return Array.from(commands.values(), description)
    case 'count':
      return commands.size
    case 'list':
      return Array.from(commands.keys())
    case 'info':
      return names.length === 0 ? Array.from(commands.values(), description) : names.map(descriptionOf)
    case 'docs':
      // Clients show their own help then.
      return []
    default:
      throw unknownSubcommand(args[0]?.toString('utf8'), 'COMMAND')
  }
}

function descriptionOf(name: string): Reply {
  const command = commands.get(name)
  return command === undefined ? null : description(command)
}

function description({ name, arity, flags, keys: [first, last, step] }: Command): Reply {
  return [name, arity, flags.map((flag) => new Status(flag)), first, last, step]
}
