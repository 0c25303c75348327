import { execFile, spawnSync } from 'node:child_process'
import { createConnection } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Box, type Client, connect, startBox } from '@ovid/runtime'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const system = fileURLToPath(new URL('../examples/kvs/system.ts', import.meta.url))
const hasBenchmark = spawnSync('redis-benchmark', ['--version']).status === 0
if (!hasBenchmark) console.log('skipped: redis-benchmark is not installed (Debian: apt-get install redis-tools)')

let box: Box
let client: Client
let port: number

beforeAll(async () => {
  process.env.OVID_RESP_PORT = '0'
  box = await startBox({ system, threads: 2 })
  client = await connect(box)
  port = ((await client.call('Redis', 'address')) as { port: number }).port
})

afterAll(async () => {
  await box.stop()
})

/** Shards, reshards and unshards the store until `done`. Says how many changes were made. */
async function reshardUntil(done: Promise<unknown>): Promise<number> {
  let going = true
  const end = () => {
    going = false
  }
  void done.then(end, end)
  let changes = 0
  const controller = box.controller(client)
  for (; going; changes++) {
    if (changes % 5 === 4) await controller.change({ verb: 'untransform', id: 'KVS' })
    else
      await controller.change({
        verb: 'transform',
        id: 'KVS',
        plugin: 'shard',
        options: { shards: 1 + ((changes * 3) % 5) },
      })
    // As many changes as there are would leave little time in which messages pass.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  if ((await controller.latt()).latt.children.find((child) => child.id === 'KVS')?.applied !== undefined) {
    await controller.change({ verb: 'untransform', id: 'KVS' })
  }
  return changes
}

describe('while the store is resharded', () => {
  it('ioredis sees a store like any other', async () => {
    const redis = new Redis(port, '127.0.0.1')
    const rounds = 300
    const work = (async () => {
      for (let round = 1; round <= rounds; round++) {
        const pipeline = redis.pipeline()
        for (let key = 0; key < 10; key++)
          pipeline.incr(`count:${key}`).append(`log:${key}`, `${round};`).set(`last:${key}`, round)
        const results = (await pipeline.exec()) ?? []
        expect(results).toHaveLength(30)
        for (const [index, [error, value]] of results.entries()) {
          expect(error).toBeNull()
          if (index % 3 === 0) expect(value).toBe(round)
        }
        const keys = Array.from({ length: 10 }, (_, key) => `last:${key}`)
        expect(await redis.mget(...keys)).toEqual(keys.map(() => String(round)))
        await redis.mset({ 'm:a': round, 'm:b': round, 'm:c': round })
        expect(await redis.mget('m:a', 'm:b', 'm:c')).toEqual([round, round, round].map(String))
        expect(await redis.del('m:a', 'm:b', 'm:none')).toBe(2)
      }
    })()
    const changes = await reshardUntil(work)
    await work
    expect(changes).toBeGreaterThan(5)
    for (let key = 0; key < 10; key++) {
      expect(await redis.get(`log:${key}`)).toBe(Array.from({ length: rounds }, (_, index) => `${index + 1};`).join(''))
    }
    await redis.quit()
  })

  it('keys expire, and only those that should', async () => {
    const redis = new Redis(port, '127.0.0.1')
    const keys = Array.from({ length: 200 }, (_, index) => `exp:${index}`)
    const work = (async () => {
      await Promise.all(
        keys.map((key, index) =>
          index % 2 === 0 ? redis.set(key, 'short', 'PX', 300) : redis.set(key, 'long', 'EX', 100),
        ),
      )
      while ((await redis.exists(...keys)) > 100) await new Promise((resolve) => setImmediate(resolve))
    })()
    await reshardUntil(work)
    await work
    const values = await redis.mget(...keys)
    expect(values.filter((value) => value === 'long')).toHaveLength(100)
    expect(values.filter((value) => value === 'short')).toHaveLength(0)
    const ttls = await Promise.all(keys.filter((_, index) => index % 2 === 1).map((key) => redis.pttl(key)))
    for (const ttl of ttls) expect(ttl).toBeGreaterThan(50_000)
    await redis.quit()
  })

  it.skipIf(!hasBenchmark)('redis-benchmark runs without an error', async () => {
    const run = promisify(execFile)('redis-benchmark', [
      '-p',
      String(port),
      '-n',
      '60000',
      '-c',
      '20',
      '-P',
      '4',
      '-r',
      '1000',
      '-t',
      'set,get,incr,mset',
      '--csv',
    ])
    const changes = await reshardUntil(run)
    const { stdout, stderr } = await run
    expect(stderr.toLowerCase()).not.toContain('error')
    expect(stdout.toLowerCase()).not.toContain('error')
    for (const test of ['SET', 'GET', 'INCR', 'MSET']) expect(stdout).toContain(`"${test}`)
    expect(changes).toBeGreaterThan(0)
  })

  it('a connection that breaks the protocol is closed, and no other', async () => {
    const redis = new Redis(port, '127.0.0.1')
    await redis.set('quiet', 'yes')
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(port, '127.0.0.1', () => socket.write('*1\r\n$99999999999\r\n'))
      let text = ''
      socket.on('data', (data) => {
        text += String(data)
      })
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    expect(answer).toMatch(/^-ERR Protocol error/)
    expect(await redis.get('quiet')).toBe('yes')
    await redis.quit()
  })
})

it('nothing of all that is left among the faults', async () => {
  expect(await box.controller(client).faults()).toEqual([])
})
