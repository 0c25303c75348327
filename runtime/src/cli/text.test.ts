import { expect, test } from 'vitest'
import { changeText, resultText } from './commands/change-text.js'
import { bytes, duration, table } from './text.js'

test('a table has its numbers on the right', () => {
  expect(
    table(
      ['id', 'count'],
      [
        ['KVS', 5],
        ['Redis', 1234],
      ],
    ),
  ).toBe('id     count\nKVS        5\nRedis   1234')
  expect(table(['id', 'count'], [])).toBe('id  count')
})

test('sizes and times have the unit that suits them', () => {
  expect([0, 1023, 1024, 5 * 1024 ** 2, 3000 * 1024 ** 3].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '5.0 MiB',
    '3000.0 GiB',
  ])
  expect([0, 0.0421, 1.25, 999, 1500].map(duration)).toEqual(['0 ms', '42 µs', '1.3 ms', '999 ms', '1.50 s'])
})

test('a change is told in a few lines, however many agents it has', () => {
  const starts = Array.from({ length: 20 }, (_, index) => ({ id: `KVS/Shard${index + 1}`, place: 'main/1' }))
  const change = { verb: 'transform' as const, id: 'KVS', plugin: 'shard', options: { shards: 20, salt: 'x' } }
  const result = {
    change,
    epoch: 2,
    starts,
    stops: [],
    moves: [],
    upgrades: [],
    routes: [],
    gains: ['more'],
    loses: [],
    pauseMs: 3,
    tookMs: 5,
    movedBytes: 2048,
    dryRun: false,
  }
  const text = resultText(result)
  expect(changeText(change)).toBe('transform KVS shard shards=20 salt=x')
  expect(text.split('\n')).toHaveLength(4)
  expect(text).toContain('and 14 more')
  expect(text).toContain('pause 3 ms, took 5 ms, moved 2.0 KiB')
  expect(resultText({ ...result, dryRun: true })).toContain('nothing was changed')
})
