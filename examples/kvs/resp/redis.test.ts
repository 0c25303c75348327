import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { replyReader } from './replies.fixture.js'
import { RespServer } from './server.js'
import { StoreStandIn } from './store.fixture.js'

/** Redis itself is the judge, where it is installed. */
const isMissing = (program: string) => spawnSync(program, ['--version']).error !== undefined
const serverProgram = 'redis-server'
const noServer = isMissing(serverProgram)
const noTools = isMissing('redis-cli') || isMissing('redis-benchmark')
if (noServer || noTools) console.log('skipped in part: apt-get install redis-server redis-tools brings what is missing')

let gateway: RespServer

beforeAll(async () => {
  const { client: store } = new StoreStandIn()
  const options = { host: '127.0.0.1', port: 0, anyPortIfTaken: false, longestArgumentBytes: 64 * 1024 * 1024 }
  gateway = await RespServer.start({ store, ...options })
})

afterAll(() => gateway.stop())

/** Sends all requests at once and gives their replies. */
function converse(to: NetConnectOpts, requests: readonly string[][]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const replies: unknown[] = []
    const socket = connect(to).on('error', reject)
    const read = replyReader((reply) => {
      replies.push(reply)
      if (replies.length < requests.length) return
      socket.destroy()
      resolve(replies)
    })
    socket.on('data', read)
    for (const words of requests) {
      const bytes = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')
      socket.write(Buffer.from(`*${words.length}\r\n${bytes}`, 'latin1'))
    }
  })
}

const key = fc.constantFrom('a', 'b', 'c', '', 'caf\xc3\xa9', '\xff', '\0\xff')
const integer = fc.constantFrom(
  '0',
  '1',
  '-1',
  '42',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
)
const value = fc.oneof(integer, fc.constantFrom('', ' 1', '01', '-0', '1.5', 'text', '\xc3', '\xa9', '\r\n'))
/** Far off, over, or no time at all: none that could pass during the test. */
const life = fc.constantFrom('1000000', '0', '-1', 'x', '9223372036854775807', '92233720368547758070')
const option = fc.constantFrom('NX', 'xx', 'GET', 'KEEPTTL', 'EX', 'px', '1000000', '0', 'x')
const words = (...parts: (string | fc.Arbitrary<string>)[]) =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))

const request = fc.oneof(
  words('GET', key),
  words('SET', key, value),
  fc.tuple(words('SET', key, value), fc.array(option, { maxLength: 3 })).map((parts) => parts.flat()),
  words('SETNX', key, value),
  words('SETEX', key, life, value),
  words('PSETEX', key, life, value),
  words('GETSET', key, value),
  words('GETDEL', key),
  words('APPEND', key, value),
  words('STRLEN', key),
  words('INCR', key),
  words('DECR', key),
  words('INCRBY', key, value),
  words('DECRBY', key, value),
  words('EXPIRE', key, life),
  words('PEXPIRE', key, life),
  words('PERSIST', key),
  words('TYPE', key),
  words('TTL', key),
  words('DEL', key, key),
  words('EXISTS', key, key),
  words('MGET', key, key, key),
  words('MSET', key, value, key, value),
  words('MSET', key, value, key),
  words('ECHO', value),
  words('PING', value),
  words('SELECT', fc.constantFrom('0', '99', 'x')),
  words('CLIENT', 'SETNAME', value),
  words('CLIENT', 'GETNAME'),
  words('NOSUCH', value, value),
  fc.array(fc.constantFrom('get', 'set', 'mset', 'incr', 'exists', 'ping', 'client'), {
    minLength: 1,
    maxLength: 6,
  }),
)

describe.skipIf(noServer)('Redis and the gateway', () => {
  let redis: ChildProcess
  let path: string

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'redis-'))
    path = join(directory, 'socket')
    redis = spawn(serverProgram, ['--port', '0', '--unixsocket', path, '--save', '', '--dir', directory])
    redis.once('close', () => rmSync(directory, { recursive: true }))
    await new Promise<void>((resolve) => {
      redis.stdout?.on('data', (line: Buffer) => line.includes('server is now ready') && resolve())
    })
  })

  afterAll(async () => {
    const closed = new Promise((resolve) => redis.once('close', resolve))
    redis.kill()
    await closed
  })

  it('give the same replies to the same requests', async () => {
    const clean = [['DEL', 'a', 'b', 'c', '', 'caf\xc3\xa9', '\xff', '\0\xff']]
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 40 }), async (requests) => {
        await converse({ path }, clean)
        const { port } = gateway.statistics
        await converse({ host: '127.0.0.1', port }, clean)
        expect(await converse({ host: '127.0.0.1', port }, requests)).toEqual(await converse({ path }, requests))
      }),
      { numRuns: 300 },
    )
  }, 60_000)
})

describe.skipIf(noTools)('the tools of Redis', () => {
  const run = (program: string, ...args: string[]) => {
    const all = ['-h', '127.0.0.1', '-p', String(gateway.statistics.port), ...args]
    return new Promise<string>((resolve, reject) => {
      let output = ''
      const child = spawn(program, all).once('error', reject)
      child.stdout.on('data', (text) => {
        output += text
      })
      child.stderr.on('data', (text) => {
        output += text
      })
      child.once('close', () => resolve(output))
    })
  }

  it('redis-cli reads and writes', async () => {
    expect(await run('redis-cli', 'set', 'a', '1', 'ex', '10')).toBe('OK\n')
    expect(await run('redis-cli', 'incr', 'a')).toBe('2\n')
    expect(await run('redis-cli', '-n', '0', 'ttl', 'a')).toBe('10\n')
    expect(await run('redis-cli', '-3', 'get', 'a')).toMatch(/2\n$/)
  })

  it('redis-benchmark runs without an error', async () => {
    const output = await run(
      'redis-benchmark',
      '-q',
      '-n',
      '2000',
      '-P',
      '16',
      '-r',
      '100',
      '-t',
      'ping,set,get,incr,mset',
    )
    expect(output).toMatch(/SET: [\d.]+ requests per second/)
    expect(output).toMatch(/MSET \(10 keys\): [\d.]+ requests per second/)
    expect(output).not.toMatch(/error/i)
  })
})
