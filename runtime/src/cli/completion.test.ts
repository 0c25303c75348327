import { describe, expect, test } from 'vitest'
import { complete } from './completion.js'
import { fakeSession } from './session.fixture.js'

const hits = async (line: string) => (await complete(line, fakeSession().session)).hits

describe('Tab completes', () => {
  test.each([
    ['tr', ['transform ']],
    ['un', ['untransform ', 'undo ']],
    ['show l', ['latt ']],
    ['help unt', ['untransform ']],
    ['state Sto', ['Store ', 'Store/', 'Stock ']],
    ['state Store/', ['Store/Shard1 ', 'Store/Shard2 ']],
    ['call Store p', ['put ', 'purge ']],
    ['call Web ', []],
    ['call Store put {', []],
    ['transform Store s', ['shard ']],
    ['transform Store shard ', ['shards=', 'salt=']],
    ['transform Store shard shards=2 s', ['salt=']],
    ['transform Store shard --', ['--dry-run ', '--json ']],
    ['transform --dry-run Store sh', ['shard ']],
    ['move Stock ', ['main/1 ', 'main/2 ']],
    ['watch Store 3 ', ['seconds=']],
    ['plan un', ['untransform ', 'undo ']],
    ['plan transform Store shard sha', ['shards=']],
    ['plan sh', []],
    ['nonsense ', []],
  ])('%s', async (line, expected) => {
    expect(await hits(line)).toEqual(expected)
  })

  test('the part of the line that a hit stands for', async () => {
    expect((await complete('plan transform Sto', fakeSession().session)).part).toBe('Sto')
    expect((await complete('  sh', fakeSession().session)).part).toBe('sh')
  })
})
