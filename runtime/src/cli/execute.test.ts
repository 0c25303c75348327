import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Command } from './command.js'
import { execute, failureOf, failureText, outcomeJson } from './execute.js'
import { fakeSession } from './session.fixture.js'

afterEach(() => vi.unstubAllEnvs())

const command = (name: string, run: Command['run'], more: Partial<Command> = {}): Command => ({
  name,
  summary: '',
  parameters: [],
  run,
  ...more,
})

describe('one line', () => {
  test('a call answers data and text of the same result', async () => {
    const { session, calls } = fakeSession()
    const outcome = await execute('call Store put {"key": {"$bigint": "1"}}', session)
    expect(calls).toEqual([['Store', 'put', { key: 1n }]])
    expect(outcome).toMatchObject({ ok: true, data: 'answer', text: "'answer'" })
    expect(JSON.parse(outcomeJson(outcome))).toEqual({
      command: 'call Store put {"key": {"$bigint": "1"}}',
      ok: true,
      result: 'answer',
    })
  })

  test.each([
    ['call Store put {key', 'command-invalid', /JSON such as/],
    ['call Store nope', 'unknown-message', /It has get, put, purge/],
    ['call Stok get', 'unknown-agent', /Did you mean Stock\? The system has Store, Web, Stock/],
    ['plan show latt', 'command-invalid', /show changes nothing; plan takes transform, /],
    ['help shw', 'unknown-command', /Did you mean show\?/],
    ['js 1 +', 'expression-failed', /is no JavaScript/],
    ['js nothing.at.all', 'expression-failed', /ReferenceError/],
    ['bench Store get seconds=0', 'command-invalid', /seconds must be a number from 0.1/],
  ])('%s fails with %s', async (line, code, message) => {
    const outcome = await execute(line, fakeSession().session)
    expect(outcome).toMatchObject({ ok: false, error: { code, message: expect.stringMatching(message) } })
  })

  test('a dry run is asked for by flag and by plan', async () => {
    const { session, calls } = fakeSession()
    await execute('transform Store shard shards=2 accept=weaker --dry-run', session)
    await execute('plan move Stock 2', session)
    expect(calls).toEqual([
      [
        'change',
        { verb: 'transform', id: 'Store', plugin: 'shard', options: { shards: 2 }, dryRun: true, accept: 'weaker' },
      ],
      ['change', { verb: 'move', id: 'Stock', place: 'main/2', dryRun: true }],
    ])
  })

  test('a place is a thread, its number, or a box with a thread to spare', async () => {
    const { session, calls } = fakeSession()
    for (const place of ['main/1', '1', 'main', 'mars']) await execute(`move Stock ${place}`, session)
    expect(calls.map((call) => (call[1] as { place: string }).place)).toEqual(['main/1', 'main/1', 'main/2', 'mars'])
  })

  test('JavaScript has client and box at hand, may wait, and keeps what it is told to', async () => {
    const { session } = fakeSession()
    expect(await execute('js (await client.call("Store", "get")) + box.name;', session)).toMatchObject({
      data: 'answermain',
    })
    await execute('js keptForLater = 41', session)
    expect(await execute('js keptForLater + 1', session)).toMatchObject({ data: 42 })
    expect(await execute('js for (let i = 0; i < 3; i++) keptForLater += i', session)).toMatchObject({ ok: true })
  })

  test('an interruption ends the wait for what never comes, and no later command', async () => {
    let begun = () => {}
    const started = new Promise<void>((resolve) => {
      begun = resolve
    })
    const table = [
      command('hang', () => new Promise(() => begun())),
      command('fine', async () => ({ data: 1, text: '1' })),
    ]
    const { session } = fakeSession(table)
    const hanging = execute('hang', session)
    await started
    session.interrupt()
    expect(await hanging).toMatchObject({ ok: false, error: { code: 'interrupted' } })
    expect(await execute('fine', session)).toMatchObject({ ok: true })
    session.end()
    expect(await execute('hang', session)).toMatchObject({ ok: false, error: { code: 'interrupted' } })
  })
})

describe('a failure', () => {
  test('says what may be done, and where it arose only on request', () => {
    const failure = failureOf(new TypeError('boom'))
    expect(failure.code).toBe('internal-error')
    expect(failureText(failure)).toBe('error internal-error: boom (OVID_DEBUG=1 shows where)')
    vi.stubEnv('OVID_DEBUG', '1')
    expect(failureText(failure)).toMatch(/\n +at /)
  })
})
