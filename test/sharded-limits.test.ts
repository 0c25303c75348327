import { describe, expect, it } from 'vitest'
import { codeOf, withBox } from './plain-box.fixture.js'
import type { store } from './plain-system.fixture.js'

const MIB = 2 ** 20

describe('what a caller of a sharded agent does wrong', () => {
  it('is refused as the agent itself would, and what is about no key as well', () =>
    withBox(async ({ client, controller }) => {
      await controller.change({ verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 2 } })
      const call = (type: string, body?: unknown) => codeOf(client.call('Store', type, body))
      expect(await call('fetch', { key: 'a' })).toBe('unknown-message')
      expect(await call('put', { key: 'a', value: () => 1 })).toBe('not-plain-data')
      expect(await call('put', { key: 'a', value: new Uint8Array(64 * MIB) })).toBe('message-too-large')
      expect(await call('echo', { count: 1 })).toBe('no-key')
      expect(await call('put', { key: 7, value: 1 })).toBe('invalid-message')
      expect(await call('put', { key: 'a', value: 1 })).toBe('answered: true')
    }))
})

describe('a message', () => {
  it.each([1, 255 * 1024, MIB, 10 * MIB, 64 * MIB - 65_536])(
    'of %i bytes passes both ways, sharded too, and while the agent moves',
    (sizeBytes) =>
      withBox(async ({ client, controller }) => {
        const other = client.agent<typeof store>('Store')
        const value = new Uint8Array(sizeBytes).map((_, index) => index % 251)
        const same = async () => {
          const [, found] = await Promise.all([other.put({ key: 'a', value }), other.get({ key: 'a' })])
          expect(Buffer.compare(Buffer.from(found as Uint8Array), Buffer.from(value))).toBe(0)
        }
        await same()
        const move = controller.change({ verb: 'move', id: 'Store', place: 'main/2' })
        await Promise.all([move, same()])
        const shard = controller.change({ verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 2 } })
        await Promise.all([shard, same()])
        await same()
      }),
  )
})
