import { describe, expect, test } from 'vitest'
import { commands } from './commands/table.js'
import { isSilent, readLine } from './read-line.js'
import { fakeSession } from './session.fixture.js'

const read = async (line: string) => {
  const { command, given, json } = await readLine(line, fakeSession().session)
  return { command: command.name, words: given.words, options: given.options, dryRun: given.dryRun, json }
}
const refusal = (line: string) =>
  read(line).then(
    () => 'understood',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )

describe('a line is read by its command', () => {
  test('options are JSON where they can be, and otherwise text', async () => {
    expect(await read('transform Store shard shards=3 salt=x on=true note="a b"')).toEqual({
      command: 'transform',
      words: { ID: 'Store', PLUGIN: 'shard' },
      options: { shards: 3, salt: 'x', on: true, note: 'a b' },
      dryRun: false,
      json: false,
    })
  })

  test('a message is the rest of the line', async () => {
    expect((await read('call Store put {"key": "a  b", "flag": "--json"}')).words.JSON).toBe(
      '{"key": "a  b", "flag": "--json"}',
    )
    expect((await read('call Store get')).words).toEqual({ ID: 'Store', MESSAGE: 'get' })
  })

  test('options after a message are not part of it', async () => {
    expect(await read('bench Store get {"key": "a"} seconds=2 concurrency=8')).toMatchObject({
      words: { JSON: '{"key": "a"}' },
      options: { seconds: 2, concurrency: 8 },
    })
  })

  test('flags stand anywhere among words, --json at the end of every command', async () => {
    expect(await read('move --dry-run Stock 2')).toMatchObject({ dryRun: true, words: { ID: 'Stock', PLACE: '2' } })
    expect(await read('move Stock 2 --dry-run --json')).toMatchObject({ dryRun: true, json: true })
    expect(await read('state Store --json')).toMatchObject({ json: true })
  })

  test('blank lines and comments say nothing', () => {
    expect(['', '   ', '# show latt', '  # x'].every(isSilent)).toBe(true)
    expect(isSilent('js 1 # 2')).toBe(false)
  })
})

describe('what is not understood is refused in words that help', () => {
  test.each([
    ['shw latt', /^unknown-command: there is no command "shw"\. Did you mean show\? help lists the commands$/],
    ['{}', /^unknown-command: .*"\{\}"/],
    ['transform', /^command-invalid: transform: ID is missing: one of Store, .*Usage: transform ID PLUGIN/],
    ['transform Store', /PLUGIN is missing: one of shard/],
    ['transform Store shard 3', /expected key=value, found "3"/],
    ['transform Store shard shards=1 shards=2', /shards is given twice/],
    ['call Store', /MESSAGE is missing: one of get, put, purge/],
    ['move Stock', /PLACE is missing: one of main\/1, main\/2/],
    ['move Stock 1 2', /there is no place for "2"/],
    ['show lat', /there is no topic "lat"\. Did you mean latt\?/],
    ['show latt --dry-run', /there is no flag --dry-run/],
    ['watch Store many', /COUNT must be a whole number from 1, found "many"/],
    ['watch Store 1 hours=1', /there is no option "hours"; there is seconds/],
    ['call "Store', /quotation mark/],
  ])('%s', async (line, expected) => {
    expect(await refusal(line)).toMatch(expected)
  })

  test('however long the line is', async () => {
    expect((await refusal('x'.repeat(5000))).length).toBeLessThan(200)
    expect((await refusal(`show ${'x'.repeat(5000)}`)).length).toBeLessThan(400)
  })
})

test('no two commands have one name, and all have a summary in a sentence', () => {
  expect(new Set(commands.map((command) => command.name)).size).toBe(commands.length)
  for (const { summary } of commands) expect(summary).toMatch(/^[A-Z].*\.$/)
})
