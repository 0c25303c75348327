import { fileURLToPath } from 'node:url'
import { type Box, type Client, connect, startBox } from '@ovid/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const system = fileURLToPath(new URL('systems/trouble.ts', import.meta.url))

let box: Box
let client: Client
const errors: string[] = []

beforeEach(async () => {
  errors.length = 0
  box = await startBox({ system, threads: 2, threadMemoryMiB: 96, onError: (error) => errors.push(error.message) })
  client = await connect(box)
})

afterEach(async () => {
  await box.stop()
})

const code = (expected: string) => expect.objectContaining({ code: expected })

/** Waits for what the controller knows, not for time. */
async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setImmediate(resolve))
}

const status = async (id: string) => (await box.controller(client).agents()).find((agent) => agent.id === id)?.status
const threadIsUp = async (place: string) =>
  (await box.controller(client).boxes()).flatMap((each) => each.threads).find((thread) => thread.place === place)
    ?.status === 'running'

describe('a thread that ends', () => {
  const ways: [string, () => Promise<unknown>][] = [
    ['killed', () => box.killThread(2)],
    ['by process.exit', () => client.call('Bomb', 'exit')],
    ['by an error nobody catches', () => client.call('Bomb', 'throwLater')],
    ['out of memory', () => client.call('Far', 'hoard')],
  ]
  it.each(ways)(
    '%s: callers are told, the rest lives on, the thread comes back, its agents stay lost',
    async (_how, end) => {
      await client.call('Near', 'add', { count: 1 })
      const open = client.call('Far', 'later')
      const ended = end().catch(() => undefined)
      await expect(open).rejects.toEqual(code('agent-lost'))
      await ended
      await until(async () => (await status('Far')) === 'lost')
      await expect(client.call('Far', 'total')).rejects.toEqual(code('agent-lost'))
      expect(await client.call('Near', 'add', { count: 1 })).toBe(2)
      await until(() => threadIsUp('main/2'))
      // The new thread can be used; what was lost is refused with the reason.
      await box.controller(client).change({ verb: 'move', id: 'Near', place: 'main/2' })
      expect(await client.call('Near', 'total')).toBe(2)
      await expect(box.controller(client).change({ verb: 'move', id: 'Far', place: 'main/1' })).rejects.toEqual(
        code('agent-lost'),
      )
      expect(
        (await box.controller(client).faults()).filter((fault) => fault.code === 'agent-lost').map((fault) => fault.id),
      ).toContain('Far')
    },
  )
})

describe('a handler that throws', () => {
  it('an expected error is the reply, and the agent goes on', async () => {
    await expect(client.call('Far', 'add', { count: -1 })).rejects.toEqual(code('negative'))
    expect(await client.call('Far', 'add', { count: 2 })).toBe(2)
  })

  it('in a read does no harm', async () => {
    await expect(client.call('Far', 'throwInRead')).rejects.toEqual(code('agent-faulty'))
    expect(await client.call('Far', 'total')).toBe(0)
    expect(await status('Far')).toBe('running')
  })

  it.each([
    ['getter', 'not-plain-data'],
    ['throwNothing', 'agent-faulty'],
    ['oddCode', '5'],
    ['hugeError', 'huge'],
  ])('whatever it throws or replies (%s), the thread lives on', async (type, expected) => {
    await expect(client.call('Far', type)).rejects.toEqual(code(expected))
    expect(await client.call('Far', 'add', { count: 1 })).toBe(1)
  })

  it('whose message cannot be read leaves a fault, and the channel goes on', async () => {
    await client.call('Far', 'tellGetter')
    await until(async () => (await box.controller(client).faults()).some((fault) => fault.code === 'not-plain-data'))
    expect(await client.call('Near', 'total')).toBe(0)
  })

  it('in a write named like what every object has wedges the agent as well', async () => {
    await expect(client.call('Far', 'valueOf')).rejects.toEqual(code('agent-faulty'))
    await expect(client.call('Far', 'total')).rejects.toEqual(code('agent-faulty'))
  })

  it('in a write wedges the agent: its half-changed state does not run on', async () => {
    await expect(client.call('Far', 'throwInWrite')).rejects.toEqual(code('agent-faulty'))
    await expect(client.call('Far', 'total')).rejects.toEqual(code('agent-faulty'))
    await until(async () => (await status('Far')) === 'faulty')
    await expect(box.controller(client).change({ verb: 'move', id: 'Far', place: 'main/1' })).rejects.toEqual(
      code('agent-faulty'),
    )
    expect(await client.call('Near', 'total')).toBe(0)
  })
})

describe('messages', () => {
  it('larger than a ring pass, up to 64 MiB, both ways', async () => {
    for (const count of [1000, 300_000, 5_000_000, 60 * 1024 * 1024]) {
      const bytes = new Uint8Array(count).fill(7)
      const back = (await client.call('Far', 'echo', { bytes })) as { bytes: Uint8Array }
      expect(Buffer.compare(back.bytes, bytes)).toBe(0)
    }
  })

  it('that are too large are refused on either side, and the channel goes on', async () => {
    await expect(client.call('Far', 'echo', { bytes: new Uint8Array(65 * 1024 * 1024) })).rejects.toEqual(
      code('message-too-large'),
    )
    await expect(client.call('Far', 'bytes', { count: 65 * 1024 * 1024 })).rejects.toEqual(code('message-too-large'))
    expect(await client.call('Far', 'add', { count: 1 })).toBe(1)
  })

  it('that are no plain data are refused on either side, and the channel goes on', async () => {
    await expect(client.call('Far', 'echo', { call: () => 1 })).rejects.toEqual(code('not-plain-data'))
    await expect(client.call('Far', 'strange')).rejects.toEqual(code('not-plain-data'))
    expect(await client.call('Far', 'add', { count: 1 })).toBe(1)
  })

  it('whose body throws when it is read are refused, and the channel goes on', async () => {
    const body = {
      get value() {
        throw new Error('a getter that throws')
      },
    }
    await expect(client.call('Far', 'echo', body)).rejects.toEqual(code('not-plain-data'))
    expect(await client.call('Far', 'add', { count: 1 })).toBe(1)
    await expect(client.call('Far', 'echo', body)).rejects.toEqual(code('not-plain-data'))
    expect(await client.call('Far', 'add', { count: 1 })).toBe(2)
  })

  it('whose name or type is none are refused at once', async () => {
    await expect(client.call('Far', 5 as never)).rejects.toEqual(code('unknown-message'))
    await expect(client.call('Far', '$void')).rejects.toEqual(code('unknown-message'))
    await expect(client.call('Far', '\u0001'.repeat(2_000_000))).rejects.toEqual(code('unknown-message'))
    await expect(client.call(undefined as never, 'total')).rejects.toEqual(code('unknown-agent'))
    for (const name of ['box/main/99', 'box/other', 'box/', 'box/main/x'])
      await expect(client.call(name, 'total')).rejects.toEqual(code('unknown-agent'))
    expect(await client.call('Far', 'total')).toBe(0)
  })

  it('told to a gateway that cannot take them leave a fault', async () => {
    client.tell('Bomb', 'nothing')
    await until(async () =>
      (await box.controller(client).faults()).some((fault) => fault.id === 'Bomb' && fault.code === 'unknown-message'),
    )
  })

  it('to nobody, and of no type, get a clear error', async () => {
    await expect(client.call('Nobody', 'total')).rejects.toEqual(code('unknown-agent'))
    await expect(client.call('Far', 'nothing')).rejects.toEqual(code('unknown-message'))
    await expect(client.call('Bomb', 'nothing')).rejects.toEqual(code('unknown-message'))
  })

  it('keep every kind of plain data', async () => {
    const value = {
      map: new Map([[1, new Set(['a'])]]),
      big: 2n ** 70n,
      date: new Date(0),
      floats: new Float64Array([1.5, -0]),
      text: 'ö\ud83d\ude00',
      nested: [[null, true]],
    }
    expect(await client.call('Far', 'echo', value)).toEqual(value)
  })
})

describe('a client', () => {
  it('is told when no answer comes in time', async () => {
    await expect(client.call('Far', 'later', null, { timeoutMs: 50 })).rejects.toEqual(code('timeout'))
    expect(await client.call('Far', 'total')).toBe(0)
  })

  it('waits with calls beyond its limit, and is told when too many wait', async () => {
    const small = await connect(box, { maxInFlight: 4, maxWaiting: 10 })
    const calls = Array.from({ length: 20 }, () => small.call('Far', 'add', { count: 1 }))
    const results = await Promise.allSettled(calls)
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(14)
    for (const result of results.slice(14))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } })
    expect(await small.call('Far', 'total')).toBe(14)
    await small.close()
  })

  it('has its calls and tells to one name handled in order, also those that wait, and is told when too many do', async () => {
    const small = await connect(box, { maxInFlight: 2, maxWaiting: 4 })
    await small.call('Far', 'notes')
    const note = (number: number) => small.call('Far', 'note', { number })
    const calls = [note(1), note(2), note(3)]
    small.tell('Far', 'note', { number: 4 })
    calls.push(note(5))
    small.tell('Far', 'note', { number: 6 })
    expect(() => small.tell('Far', 'note', { number: 7 })).toThrow(code('overloaded'))
    await Promise.all(calls)
    small.tell('Far', 'note', { number: 8 })
    await small.close()
    expect(await client.call('Far', 'notes')).toEqual([1, 2, 3, 4, 5, 6, 8])
  })

  it('closes though the thread of its receiver ends meanwhile', async () => {
    const other = await connect(box)
    await other.call('Far', 'add', { count: 1 })
    await Promise.all([other.close(), box.killThread(2)])
    await until(async () => (await box.controller(client).clients()).length === 1)
  })

  it('that is closed says so', async () => {
    const other = await connect(box)
    await other.close()
    await expect(other.call('Far', 'total')).rejects.toEqual(code('closed'))
    expect((await box.controller(client).clients()).map((each) => each.id)).toEqual([client.id])
  })
})

describe('two threads', () => {
  it('that flood each other, and echo, both finish, with bounded queues', async () => {
    const count = 100_000
    await Promise.all([
      client.call('FloodA', 'flood', { to: 'FloodB', count }),
      client.call('FloodB', 'flood', { to: 'FloodA', count }),
    ])
    const finished = async (id: string) => {
      const { pings, pongs } = (await client.call(id, 'counts')) as { pings: number; pongs: number }
      return pings === count && pongs === count
    }
    await until(async () => (await finished('FloodA')) && (await finished('FloodB')))
    expect(errors).toEqual([])
  })
})
