import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { readReplies } from '../replies.fixture.js'
import { ReplyWriter } from '../reply.js'
import { StoreStandIn } from '../store.fixture.js'
import { Asking, keyIn, type Session } from './command.js'
import { respond } from './table.js'

let store: StoreStandIn
let session: Session

beforeEach(() => {
  store = new StoreStandIn()
  const server = {
    startedAtMs: Date.now(),
    port: 6399,
    connections: 2,
    connectionsTotal: 3,
    commandsTotal: 4,
    protocolErrorsTotal: 0,
    underWay: 0,
  }
  session = { id: 7, name: '', ended: false, server }
})

/** What a client reads after such a command: words of one character a byte. */
async function send(...words: string[]): Promise<unknown> {
  const outcome = respond(
    words.map((word) => Buffer.from(word, 'latin1')),
    session,
  )
  const pieces: Buffer[] = []
  const writer = new ReplyWriter((data) => pieces.push(Buffer.from(data as string)))
  if (outcome instanceof Asking) {
    writer.add(outcome.reply(await Promise.all(outcome.questions.map((question) => question(store.client)))))
  } else writer.add(outcome)
  writer.flush()
  const replies = readReplies(Buffer.concat(pieces))
  expect(replies).toHaveLength(1)
  return replies[0]
}

const notAnInteger = '-ERR value is not an integer or out of range'

describe('commands about values', () => {
  it('GET and SET', async () => {
    expect(await send('GET', 'a')).toBeNull()
    expect(await send('SET', 'a', '1')).toBe('OK')
    expect(await send('get', 'a')).toBe('1')
    expect(await send('sEt', 'a', '')).toBe('OK')
    expect(await send('GET', 'a')).toBe('')
  })

  it('are safe for any bytes, in keys as in values', async () => {
    const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')
    expect(await send('SET', all, all)).toBe('OK')
    expect(await send('GET', all)).toBe(all)
    expect(await send('GET', `${all}x`)).toBeNull()
    expect(await send('STRLEN', all)).toBe('256')
  })

  it('SET with conditions', async () => {
    expect(await send('SET', 'a', '1', 'XX')).toBeNull()
    expect(await send('SET', 'a', '1', 'NX')).toBe('OK')
    expect(await send('SET', 'a', '2', 'nx')).toBeNull()
    expect(await send('SET', 'a', '3', 'xx')).toBe('OK')
    expect(await send('SET', 'a', '4', 'NX', 'GET')).toBe('3')
    expect(await send('SET', 'a', '5', 'GET')).toBe('3')
    expect(await send('SET', 'b', '5', 'GET')).toBeNull()
    expect(await send('SET', 'a', '6', 'XX', 'XX')).toBe('OK')
  })

  it('SET with a time to live', async () => {
    expect(await send('SET', 'a', '1', 'EX', '10')).toBe('OK')
    expect(await send('PTTL', 'a')).toBe('10000')
    expect(await send('SET', 'a', '1', 'KEEPTTL', 'XX')).toBe('OK')
    expect(await send('PTTL', 'a')).toBe('10000')
    expect(await send('SET', 'a', '1', 'NX', 'PX', '7')).toBeNull()
    expect(await send('SET', 'a', '1', 'px', '7', 'xx')).toBe('OK')
    expect(await send('PTTL', 'a')).toBe('7')
    expect(await send('SET', 'a', '1')).toBe('OK')
    expect(await send('PTTL', 'a')).toBe('-1')
  })

  it.each([
    [['NX', 'XX'], '-ERR syntax error'],
    [['EX'], '-ERR syntax error'],
    [['EX', '3', 'PX', '4'], '-ERR syntax error'],
    [['KEEPTTL', 'EX', '3'], '-ERR syntax error'],
    [['EX', '3', 'KEEPTTL'], '-ERR syntax error'],
    [['OFTEN'], '-ERR syntax error'],
    [['EX', 'x'], notAnInteger],
    [['EX', '1.5'], notAnInteger],
    [['EX', '0'], "-ERR invalid expire time in 'set' command"],
    [['PX', '-1'], "-ERR invalid expire time in 'set' command"],
    [['EX', '9223372036854775807'], "-ERR invalid expire time in 'set' command"],
  ])('SET a b %j is %s', async (options, error) => {
    expect(await send('SET', 'a', 'b', ...options)).toBe(error)
    expect(store.asked).toEqual([])
  })

  it('SETNX, SETEX, PSETEX, GETSET and GETDEL', async () => {
    expect(await send('SETNX', 'a', '1')).toBe('1')
    expect(await send('SETNX', 'a', '2')).toBe('0')
    expect(await send('SETEX', 'b', '5', 'x')).toBe('OK')
    expect(await send('TTL', 'b')).toBe('5')
    expect(await send('PSETEX', 'b', '5', 'x')).toBe('OK')
    expect(await send('PTTL', 'b')).toBe('5')
    expect(await send('SETEX', 'b', '0', 'x')).toBe("-ERR invalid expire time in 'setex' command")
    expect(await send('PSETEX', 'b', '-5', 'x')).toBe("-ERR invalid expire time in 'psetex' command")
    expect(await send('GETSET', 'a', '3')).toBe('1')
    expect(await send('GETSET', 'c', '3')).toBeNull()
    expect(await send('GETDEL', 'a')).toBe('3')
    expect(await send('GETDEL', 'a')).toBeNull()
  })

  it('INCR, DECR, INCRBY and DECRBY', async () => {
    expect(await send('INCR', 'n')).toBe('1')
    expect(await send('DECR', 'n')).toBe('0')
    expect(await send('INCRBY', 'n', '9223372036854775807')).toBe('9223372036854775807')
    expect(await send('DECRBY', 'n', '9223372036854775807')).toBe('0')
    expect(await send('DECRBY', 'n', '-5')).toBe('5')
    expect(await send('INCRBY', 'n', 'x')).toBe(notAnInteger)
    expect(await send('DECRBY', 'n', '-9223372036854775808')).toBe('-ERR decrement would overflow')
  })

  it('APPEND and STRLEN', async () => {
    expect(await send('APPEND', 'a', 'caf\xc3')).toBe('4')
    expect(await send('APPEND', 'a', '\xa9')).toBe('5')
    expect(await send('GET', 'a')).toBe('caf\xc3\xa9')
    expect(await send('STRLEN', 'a')).toBe('5')
    expect(await send('STRLEN', 'b')).toBe('0')
  })

  it('MSET and MGET ask about each key, in order', async () => {
    expect(await send('MSET', 'a', '1', 'b', '2', 'a', '3')).toBe('OK')
    expect(await send('MGET', 'a', 'c', 'b', 'a')).toEqual(['3', null, '2', '3'])
    expect(store.asked.map(({ type, message }) => `${type} ${message.key}`)).toEqual([
      'put a',
      'put b',
      'put a',
      'get a',
      'get c',
      'get b',
      'get a',
    ])
  })
})

describe('commands about keys', () => {
  it('DEL, UNLINK and EXISTS count keys, one named twice as Redis does', async () => {
    await send('MSET', 'a', '1', 'b', '2', 'c', '3')
    expect(await send('EXISTS', 'a', 'a', 'x', 'b')).toBe('3')
    expect(await send('DEL', 'a', 'a', 'x', 'b')).toBe('2')
    expect(await send('UNLINK', 'c')).toBe('1')
    expect(await send('EXISTS', 'a', 'b', 'c')).toBe('0')
  })

  it('EXPIRE, PEXPIRE, TTL, PTTL and PERSIST', async () => {
    expect(await send('EXPIRE', 'a', '10')).toBe('0')
    expect(await send('TTL', 'a')).toBe('-2')
    expect(await send('PTTL', 'a')).toBe('-2')
    await send('SET', 'a', '1')
    expect(await send('TTL', 'a')).toBe('-1')
    expect(await send('EXPIRE', 'a', '10')).toBe('1')
    store.agent.delay(400)
    expect(await send('TTL', 'a')).toBe('10')
    store.agent.delay(200)
    expect(await send('TTL', 'a')).toBe('9')
    expect(await send('PTTL', 'a')).toBe('9400')
    expect(await send('PERSIST', 'a')).toBe('1')
    expect(await send('PERSIST', 'a')).toBe('0')
    expect(await send('PEXPIRE', 'a', '7')).toBe('1')
    expect(await send('PTTL', 'a')).toBe('7')
    store.agent.pass(7)
    expect(await send('GET', 'a')).toBeNull()
  })

  it('EXPIRE with a time that is over deletes', async () => {
    for (const life of ['0', '-1', '-9223372036854775808']) {
      await send('SET', 'a', '1')
      expect(await send('EXPIRE', 'a', life)).toBe('1')
      expect(await send('EXISTS', 'a')).toBe('0')
    }
  })

  it('EXPIRE takes an integer that a time can have', async () => {
    expect(await send('EXPIRE', 'a', 'x')).toBe(notAnInteger)
    expect(await send('EXPIRE', 'a', '9223372036854775807')).toBe("-ERR invalid expire time in 'expire' command")
    expect(await send('PEXPIRE', 'a', '9223372036854775807')).toBe("-ERR invalid expire time in 'pexpire' command")
  })

  it('TYPE', async () => {
    expect(await send('TYPE', 'a')).toBe('none')
    await send('SET', 'a', '1')
    expect(await send('TYPE', 'a')).toBe('string')
  })
})

describe('commands about the connection', () => {
  it('PING and ECHO', async () => {
    expect(await send('PING')).toBe('PONG')
    expect(await send('PING', 'a\xff')).toBe('a\xff')
    expect(await send('PING', 'a', 'b')).toBe("-ERR wrong number of arguments for 'ping' command")
    expect(await send('ECHO', 'a\r\n')).toBe('a\r\n')
  })

  it('SELECT knows one database', async () => {
    expect(await send('SELECT', '0')).toBe('OK')
    expect(await send('SELECT', '1')).toBe('-ERR DB index is out of range')
    expect(await send('SELECT', 'x')).toBe(notAnInteger)
  })

  it('CLIENT', async () => {
    expect(await send('CLIENT', 'ID')).toBe('7')
    expect(await send('CLIENT', 'GETNAME')).toBeNull()
    expect(await send('client', 'setname', 'me')).toBe('OK')
    expect(await send('CLIENT', 'GETNAME')).toBe('me')
    expect(await send('CLIENT', 'SETNAME', 'a b')).toMatch('-ERR Client names cannot contain spaces')
    expect(await send('CLIENT', 'SETNAME', '')).toBe('OK')
    expect(await send('CLIENT', 'GETNAME')).toBeNull()
    expect(await send('CLIENT', 'SETINFO', 'LIB-NAME', 'x')).toBe('OK')
    expect(await send('CLIENT', 'SETNAME')).toBe("-ERR wrong number of arguments for 'client|setname' command")
    expect(await send('CLIENT', 'Foo')).toBe("-ERR unknown subcommand 'Foo'. Try CLIENT HELP.")
  })

  it('QUIT ends the session', async () => {
    expect(await send('QUIT')).toBe('OK')
    expect(session.ended).toBe(true)
  })

  it('HELLO is unknown, so that clients go on in RESP2', async () => {
    expect(await send('HELLO', '3')).toBe("-ERR unknown command 'HELLO', with args beginning with: '3' ")
  })

  it('AUTH has nothing to check', async () => {
    expect(await send('AUTH', 'x')).toMatch('-ERR AUTH <password> called without any password configured')
  })
})

describe('commands about the server', () => {
  it('INFO has what clients look for, by section or all', async () => {
    const all = (await send('INFO')) as string
    expect(all).toContain('# Server\r\nredis_version:5.0.14\r\n')
    expect(all).toContain('loading:0\r\n')
    expect(all).toContain('connected_clients:2\r\n')
    expect(await send('INFO', 'everything')).toBe(all)
    expect(await send('INFO', 'clients')).toBe('# Clients\r\nconnected_clients:2\r\n')
    expect(await send('INFO', 'nothing')).toBe('')
  })

  it('CONFIG GET has what clients look for', async () => {
    expect(await send('CONFIG', 'GET', 'save')).toEqual(['save', ''])
    expect(await send('config', 'get', 'APPENDONLY', 'save')).toEqual(['save', '', 'appendonly', 'no'])
    expect(await send('CONFIG', 'GET', '*')).toContain('proto-max-bulk-len')
    expect(await send('CONFIG', 'GET', 'x')).toEqual([])
    expect(await send('CONFIG', 'GET')).toBe("-ERR wrong number of arguments for 'config|get' command")
    expect(await send('CONFIG', 'SET', 'save', '')).toBe("-ERR unknown subcommand 'SET'. Try CONFIG HELP.")
  })

  it('the README lists every command', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const listed = /<!-- checked by .* -->\n([\s\S]*?)\n\n/.exec(readme)?.[1]?.split(/,\s+/)
    const known = (await send('COMMAND', 'LIST')) as string[]
    expect(listed).toEqual(known.map((name) => name.toUpperCase()).sort())
  })

  it('COMMAND describes every command', async () => {
    const described = (await send('COMMAND')) as unknown[][]
    expect(described).toContainEqual(['mset', '-3', ['write', 'denyoom'], '1', '-1', '2'])
    expect(await send('COMMAND', 'COUNT')).toBe(String(described.length))
    expect(await send('COMMAND', 'LIST')).toHaveLength(described.length)
    expect(await send('COMMAND', 'INFO', 'GET', 'foo')).toEqual([
      ['get', '2', ['readonly', 'fast'], '1', '1', '1'],
      null,
    ])
    expect(await send('COMMAND', 'DOCS')).toEqual([])
    expect(await send('COMMAND', 'FOO')).toBe("-ERR unknown subcommand 'FOO'. Try COMMAND HELP.")
    for (const [name, arity] of described) {
      const tooMany = Array.from({ length: Number(arity) }, () => 'x')
      const tooFew = Array.from({ length: Math.abs(Number(arity)) - 2 }, () => 'x')
      const error = `-ERR wrong number of arguments for '${name}' command`
      if (Number(arity) > 0) expect(await send(name as string, ...tooMany)).toBe(error)
      if (Math.abs(Number(arity)) > 1) expect(await send(name as string, ...tooFew)).toBe(error)
    }
  })
})

describe('what is no command', () => {
  it('is told to be unknown, with its arguments', async () => {
    expect(await send('foo')).toBe("-ERR unknown command 'foo', with args beginning with: ")
    expect(await send('FOO', 'a', 'b\r\n')).toBe("-ERR unknown command 'FOO', with args beginning with: 'a' 'b  ' ")
  })

  it('is not repeated at length', async () => {
    const error = (await send('x'.repeat(10_000), 'y'.repeat(100), 'z'.repeat(10_000), 'w')) as string
    expect(error).toBe(
      `-ERR unknown command '${'x'.repeat(128)}', with args beginning with: '${'y'.repeat(100)}' '${'z'.repeat(25)}' `,
    )
  })

  it('is not found in what objects inherit', async () => {
    expect(await send('constructor')).toMatch('-ERR unknown command')
    expect(await send('CONFIG', 'GET', 'constructor')).toEqual([])
  })
})

describe('the name of a key', () => {
  it('is the text it spells, and one of its own for other bytes', () => {
    const name = (text: string) => keyIn(Buffer.from(text, 'latin1'))
    expect(name('caf\xc3\xa9')).toBe('café')
    expect(name('\xff')).toBe('\0\xff')
    expect(name('\0\xc3\xbf')).toBe('\0\0\xc3\xbf')
    expect(new Set(['\xff', '\xc3\xbf', '\0\xff', '\0\xc3\xbf', '\0\0\xff'].map(name)).size).toBe(5)
  })
})
