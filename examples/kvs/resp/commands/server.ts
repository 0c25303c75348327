import { largestValueBytes } from '../../store/values.js'
import { Failure, ok, type Reply, Status } from '../reply.js'
import { type Command, integerIn, noKeys, type Session, wrongArity } from './command.js'

type Arguments = readonly Buffer[]

/** Commands about the connection and the server: none asks the store. */
export const server: readonly Command[] = [
  { name: 'ping', arity: -1, flags: ['fast'], keys: noKeys, run: ping },
  { name: 'echo', arity: 2, flags: ['fast'], keys: noKeys, run: ([message]) => message as Buffer },
  { name: 'select', arity: 2, flags: ['fast'], keys: noKeys, run: select },
  { name: 'auth', arity: -2, flags: ['fast', 'no_auth'], keys: noKeys, run: authenticate },
  { name: 'client', arity: -2, flags: ['admin'], keys: noKeys, run: client },
  { name: 'config', arity: -2, flags: ['admin'], keys: noKeys, run: config },
  { name: 'info', arity: -1, flags: [], keys: noKeys, run: info },
  { name: 'quit', arity: -1, flags: ['fast'], keys: noKeys, run: quit },
]

const pong = new Status('PONG')

function ping(args: Arguments): Reply {
  if (args.length > 1) throw wrongArity('ping')
  return args[0] ?? pong
}

/** There is one database, as in a Redis cluster. */
function select(args: Arguments): Reply {
  if (integerIn(args[0] as Buffer) !== 0n) throw new Failure('ERR DB index is out of range')
  return ok
}

function authenticate(): Reply {
  throw new Failure('ERR AUTH <password> called without any password configured for the default user')
}

function quit(_args: Arguments, session: Session): Reply {
  session.ended = true
  return ok
}

function client(args: Arguments, session: Session): Reply {
  const [subcommand, ...rest] = args.map((bytes) => bytes.toString('utf8'))
  const expect = (count: number) => {
    if (rest.length !== count) throw wrongArity(`client|${subcommand?.toLowerCase()}`)
  }
  switch (subcommand?.toLowerCase()) {
    case 'id':
      expect(0)
      return session.id
    case 'getname':
      expect(0)
      return session.name === '' ? null : session.name
    case 'setname':
      expect(1)
      session.name = clientName(rest[0] as string)
      return ok
    case 'setinfo':
      // Name and version of the client library: nothing here shows them.
      expect(2)
      return ok
    default:
      throw unknownSubcommand(subcommand, 'CLIENT')
  }
}

function clientName(name: string): string {
  if (/[^!-~]/.test(name)) {
    throw new Failure('ERR Client names cannot contain spaces, newlines or special characters.')
  }
  return name
}

/** What clients ask a server's configuration for. Nothing is persistent, nothing can be set. */
const configuration: Readonly<Record<string, string>> = {
  'save': '',
  'appendonly': 'no',
  'databases': '1',
  'maxmemory': '0',
  'timeout': '0',
  'proto-max-bulk-len': String(largestValueBytes),
}

function config(args: Arguments): Reply {
  const [subcommand, ...names] = args.map((bytes) => bytes.toString('utf8').toLowerCase())
  if (subcommand !== 'get') throw unknownSubcommand(args[0]?.toString('utf8'), 'CONFIG')
  if (names.length === 0) throw wrongArity('config|get')
  return Object.entries(configuration)
    .filter(([name]) => names.includes(name) || names.includes('*'))
    .flat()
}

export function unknownSubcommand(found: string | undefined, command: string): Failure {
  return new Failure(`ERR unknown subcommand '${found}'. Try ${command} HELP.`)
}

function info(args: Arguments, session: Session): Reply {
  const wanted = args.map((bytes) => bytes.toString('utf8').toLowerCase())
  const everything = wanted.length === 0 || wanted.some((name) => ['all', 'default', 'everything'].includes(name))
  return Object.entries(infoSections(session))
    .filter(([name]) => everything || wanted.includes(name.toLowerCase()))
    .map(([name, lines]) => [`# ${name}`, ...lines.map(([field, value]) => `${field}:${value}`), ''].join('\r\n'))
    .join('\r\n')
}

function infoSections({ server }: Session): Record<string, [field: string, value: string | number][]> {
  return {
    Server: [
      // The last version that knew nothing of RESP3: what clients adapt to must be what this server does.
      ['redis_version', '5.0.14'],
      ['server_name', 'ovid'],
      ['redis_mode', 'standalone'],
      ['tcp_port', server.port],
      ['uptime_in_seconds', Math.floor((Date.now() - server.startedAtMs) / 1000)],
    ],
    Clients: [['connected_clients', server.connections]],
    Persistence: [['loading', 0]],
    Stats: [
      ['total_connections_received', server.connectionsTotal],
      ['total_commands_processed', server.commandsTotal],
    ],
    Replication: [['role', 'master']],
  }
}
