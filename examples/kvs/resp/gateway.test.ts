import { OvidError } from '@ovid/runtime'
import { expect, it } from 'vitest'
import { resp } from './gateway.js'
import { StoreStandIn } from './store.fixture.js'

const start = async (params?: unknown) => {
  const asked: string[] = []
  const agent = (name: string) => {
    asked.push(name)
    return new StoreStandIn().client
  }
  const running = await resp.start({ self: 'Redis', params, agent } as unknown as Parameters<typeof resp.start>[0])
  return { asked, ...running }
}

it('the gateway says where it listens and what it has done', async () => {
  const { asked, handlers, stop } = await start()
  expect(asked).toEqual(['KVS'])
  expect(handlers?.address?.({})).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
  expect(handlers?.stats?.({})).toMatchObject({ connections: 0, commandsTotal: 0, underWay: 0 })
  await stop?.()
})

it('the gateway serves the store it is told to', async () => {
  const { asked, stop } = await start({ store: 'Cache', port: 0, maxValueBytes: 1000 })
  expect(asked).toEqual(['Cache'])
  await stop?.()
})

it.each([
  { maxValueBytes: 0 },
  { maxValueBytes: 65 * 1024 * 1024 },
  { port: Number.NaN },
  { port: 65_536 },
  { port: 6399, pport: 1 },
])('the gateway does not start with %j', async (params) => {
  await expect(start(params)).rejects.toThrow(OvidError)
})
