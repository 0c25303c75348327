import { connect } from '@ovid/runtime'
import { describe, expect, it } from 'vitest'
import { codeOf, type PlainBox, until, withBox } from './plain-box.fixture.js'
import type { store } from './plain-system.fixture.js'

type Store = typeof store

const threadsOf = async ({ controller }: PlainBox) =>
  new Map((await controller.boxes()).flatMap(({ threads }) => threads.map(({ place, status }) => [place, status])))

/** The controller knows of the loss, and the thread is back. */
async function lostAndBack(plain: PlainBox, id: string, place: string): Promise<void> {
  await until(
    () => plain.controller.faults(),
    (found) => found.some((fault) => fault.id === id && fault.code === 'agent-lost'),
  )
  await until(
    () => threadsOf(plain),
    (threads) => threads.get(place) === 'running',
  )
}

async function expectLost(plain: PlainBox, id: string): Promise<void> {
  expect(await plain.controller.agents()).toContainEqual(expect.objectContaining({ id, status: 'lost' }))
  expect(await codeOf(plain.client.call(id, 'echo', 1))).toBe('agent-lost')
}

/** What is left works, the new thread included. */
async function expectRestToWork(plain: PlainBox): Promise<void> {
  const { client, controller } = plain
  const other = client.agent<Store>('Other')
  await other.put({ key: 'a', value: 'before' })
  await controller.change({ verb: 'transform', id: 'Other', plugin: 'shard', options: { shards: 3 } })
  const { agents } = await controller.layout({ id: 'Other' })
  const places = new Set(agents.filter(({ id }) => /Shard\d$/.test(id)).map(({ place }) => place))
  expect([...places].sort()).toEqual(['main/1', 'main/2', 'main/3'])
  for (let key = 0; key < 50; key++) await other.put({ key: `key ${key}`, value: key })
  for (let key = 0; key < 50; key++) expect(await other.get({ key: `key ${key}` })).toBe(key)
  await controller.change({ verb: 'untransform', id: 'Other' })
  expect(await other.get({ key: 'a' })).toBe('before')
  expect(await other.get({ key: 'key 7' })).toBe(7)
}

describe('a thread that crashes', () => {
  it('again and again, whichever it is, does the same', () =>
    withBox(async (plain) => {
      await plain.box.killThread(1)
      await lostAndBack(plain, 'Store', 'main/1')
      await plain.box.killThread(3)
      await lostAndBack(plain, 'CallerC', 'main/3')
      await Promise.all([plain.box.killThread(1), plain.box.killThread(3)])
      for (let round = 0; round < 5; round++) await plain.box.killThread(3)
      await until(
        () => threadsOf(plain),
        (threads) => [...threads.values()].every((status) => status === 'running'),
      )
      await expectLost(plain, 'Store')
      await expectRestToWork(plain)
    }))

  it('and had a client of a sharded agent stands in the way of no change', () =>
    withBox(async (plain) => {
      const { client, controller } = plain
      await controller.change({ verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 1 } })
      const { place } = (await controller.layout({ id: 'Store/Shard1' })).agents[0] ?? {}
      if (place === 'main/3') await controller.change({ verb: 'move', id: 'Store/Shard1', place: 'main/2' })
      expect(await client.call('CallerC', 'put', { key: 'a', value: 'by the caller' })).toBe(true)
      await plain.box.killThread(3)
      await lostAndBack(plain, 'CallerC', 'main/3')
      const call = client.agent<Store>('Store')
      expect(await call.get({ key: 'a' })).toBe('by the caller')
      await controller.change({ verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 3 } })
      await controller.change({ verb: 'untransform', id: 'Store' })
      expect(await call.get({ key: 'a' })).toBe('by the caller')
    }))
})

describe('a box', () => {
  it('where nothing happens has nothing that would wake its threads', () =>
    withBox(async ({ client, controller }) => {
      await controller.change({ verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 3 } })
      for (let key = 0; key < 100; key++) await client.call('Store', 'put', { key: `${key}`, value: key })
      for (const name of ['CallerA', 'CallerC']) {
        const awake = () => client.call(name, 'awake') as Promise<string[]>
        expect(await until(awake, (kinds) => kinds.length === 0), name).toEqual([])
      }
    }))

  it('that is stopped has told everybody, and starts again', async () => {
    for (let round = 0; round < 3; round++) {
      const calls: Promise<string>[] = []
      await withBox(async ({ box, client }) => {
        const second = await connect(box)
        calls.push(codeOf(second.call('Store', 'keepWaiting')), codeOf(client.call('Store', 'keepWaiting')))
        expect(await client.call('Store', 'echo', round)).toBe(round)
      })
      expect(await Promise.all(calls)).toEqual(['closed', 'closed'])
    }
  })
})
