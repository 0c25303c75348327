import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { OvidProcess, root, runOvid } from './ovid-process.fixture.js'

const kvs = 'examples/kvs/system.ts'
const fixture = 'test/cli-system.fixture.ts'
const directory = mkdtempSync(join(tmpdir(), 'ovid-cli-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** A line of a stack trace. */
const stackLine = /^ +at .*\.(js|ts):\d/m
const results = (output: string) =>
  output
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as {
          command: string
          ok: boolean
          result?: unknown
          error?: { code: string; message: string }
        },
    )

describe('a script', () => {
  const script = [
    '# Shards the store and takes the sharding off again.',
    'show latt',
    '',
    ...['a', 'b', 'c', 'd'].map((key) => `call KVS put {"key": "${key}", "value": "1"}`),
    'state KVS',
    'transform KVS shard shards=3',
    'show latt',
    'state KVS',
    'untransform KVS',
    'state KVS',
  ]

  test('shards a store, shows it whole, and takes the sharding off again', async () => {
    const { code, output, errors } = await runOvid(['up', kvs, '--script', '-'], script)
    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(output).toContain('> transform KVS shard shards=3\n')
    expect(output).toMatch(/KVS {2}= shard\(shards=3\)\n│ {2}├─ Shard1/)
    expect(output).toMatch(/moved \d.*B/)
    expect(output.match(/entries: Map\(4\)/g)).toHaveLength(3)
  })

  test('answers one JSON object for each command, with the whole of every state', async () => {
    const { code, output } = await runOvid(['up', kvs, '--json', '--script', '-'], script)
    const answers = results(output)
    expect(code).toBe(0)
    expect(answers.map(({ command }) => command)).toEqual(script.filter((line) => line !== '' && !line.startsWith('#')))
    const states = answers
      .filter(({ command }) => command === 'state KVS')
      .map(({ result }) =>
        (result as { state: { entries: { $map: [string, string][] } } }).state.entries.$map.toSorted(),
      )
    expect(states[0]).toHaveLength(4)
    expect(states[1]).toEqual(states[0])
    expect(states[2]).toEqual(states[0])
  })

  test.each([
    ['state KSV', 'error unknown-agent: there is no agent "KSV". Did you mean KVS?'],
    ['transform KVS shard shards=two', 'error option-invalid: shard: shards: '],
    ['transform KVS shred shards=2', 'error plugin-unknown: there is no plug-in "shred"; registered: shard'],
  ])('ends at the first command that fails: %s', async (line, message) => {
    const { code, output } = await runOvid(['up', kvs, '--script', '-'], ['show latt', line, 'show boxes'])
    expect(code).toBe(1)
    expect(output).toContain(message)
    expect(output).not.toContain('show boxes')
  })

  test('may stand in a file, and end itself', async () => {
    const file = join(directory, 'script.ovid')
    writeFileSync(file, 'call KVS put {"key": "a", "value": "1"}\r\ncall KVS get {"key": "a"}\r\nexit\r\nnonsense')
    expect(await runOvid(['up', kvs, '--script', file])).toMatchObject({
      code: 0,
      output: expect.stringContaining("'1'"),
    })
    const missing = await runOvid(['up', kvs, '--script', join(directory, 'missing')])
    expect(missing).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^error command-invalid: the script .*missing cannot be read/),
    })
  })
})

describe('nonsense', () => {
  const nonsense = [
    'shw latt',
    'transform',
    'transform KVS',
    'transform KVS shard shards=two',
    'transform KVS shard shards=99999999',
    'transform KVS nothing',
    'transform Redis shard shards=2',
    'call KVS',
    'call KVS put',
    'call KVS put {key',
    'call KVS put {"key":1}',
    'call Redis nothing',
    'move KVS',
    'move KVS mars',
    'move KVS 99',
    'state',
    'state ../../etc',
    'state Redis',
    'untransform KVS',
    'upgrade KVS missing.ts',
    'upgrade KVS examples/kvs/kvs.ts',
    'watch KVS',
    'undo',
    'js (',
    'js null.x',
    '{}',
    '"',
    'x'.repeat(5000),
  ]

  test('is refused with a code and a short message, and leaves the system as it was', async () => {
    const { code, output, errors } = await runOvid(
      ['up', kvs],
      [...nonsense, 'show latt', 'call KVS put {"key": "a", "value": "1"}', 'call KVS get {"key": "a"}'],
    )
    const refusals = output.split('\n').filter((line) => /^error [a-z-]+: ./.test(line))
    expect(refusals).toHaveLength(nonsense.length)
    expect(Math.max(...output.split('\n').map((line) => line.length))).toBeLessThan(700)
    expect(output).not.toMatch(stackLine)
    expect(errors).toBe('')
    expect(output).toMatch(/├─ KVS {2}kvs 1 {2}main\/1\n.*epoch 1\n.*\ntrue\n.*\n'1'\n$/s)
    expect(code).toBe(0)
  })

  test('is answered in JSON as well', async () => {
    const { code, output } = await runOvid(['up', kvs, '--json', '--script', '-'], ['untransform KVS'])
    expect(code).toBe(1)
    expect(results(output)).toEqual([
      {
        command: 'untransform KVS',
        ok: false,
        error: expect.objectContaining({ code: 'not-transformed', message: expect.stringContaining('KVS') }),
      },
    ])
  })
})

describe('commands', () => {
  test('change a running system, and say what they did', async () => {
    const lines = [
      'call KVS put {"key": "a", "value": "1"}',
      'move KVS 2 --dry-run',
      'plan transform KVS shard shards=2',
      'history',
      'move KVS 2',
      'upgrade KVS examples/kvs/kvs-v2.ts',
      'transform KVS shard shards=2',
      'undo',
      'history',
      'call KVS describe {"key": "a"}',
      'stats KVS',
    ]
    const { code, output } = await runOvid(['up', kvs, '--threads', '2', '--json', '--script', '-'], lines)
    const answers = results(output).map(({ result }) => result)
    expect(code).toBe(0)
    expect(answers[1]).toMatchObject({ dryRun: true, moves: [{ id: 'KVS', to: 'main/2' }] })
    expect(answers[2]).toMatchObject({ dryRun: true, epoch: 2 })
    expect(answers[3]).toEqual([])
    expect(answers[4]).toMatchObject({ dryRun: false, epoch: 2, moves: [{ id: 'KVS', from: 'main/1', to: 'main/2' }] })
    expect(answers[5]).toMatchObject({ upgrades: [{ id: 'KVS', from: 1, to: 2 }] })
    expect(answers[7]).toMatchObject({ change: { verb: 'untransform', id: 'KVS' } })
    expect(answers[8]).toHaveLength(2)
    expect(answers[9]).toMatchObject({ revision: 1 })
    expect(answers[10]).toEqual([expect.objectContaining({ id: 'KVS', status: 'running' })])
  })

  test('look into a running system: watch, bench, js, faults', async () => {
    const lines = [
      'js (beat = setInterval(() => client.tell("Log", "add", { line: "tick" }), 5), 0)',
      'watch Log 3',
      'js clearInterval(beat)',
      'bench Log all seconds=0.1 concurrency=4',
      'call Log break',
      'show faults',
      'show agents',
    ]
    const { output } = await runOvid(['up', fixture, '--json'], lines, {
      env: { OVID_TEST_MARK: join(directory, 'unused') },
    })
    const [, watched, , measured, broken, faults, agents] = results(output)
    expect(watched?.result).toHaveLength(3)
    expect(watched?.result).toContainEqual(
      expect.objectContaining({ agent: 'Log', kind: 'tell', type: 'add', body: { line: 'tick' } }),
    )
    expect(measured?.result).toMatchObject({
      concurrency: 4,
      count: expect.any(Number),
      latencyMs: { p50: expect.any(Number) },
    })
    expect(broken?.error?.code).toBe('agent-faulty')
    expect(faults?.result).toContainEqual(expect.objectContaining({ id: 'Log', code: 'agent-faulty' }))
    expect(agents?.result).toContainEqual(expect.objectContaining({ id: 'Log', status: 'faulty' }))
  })

  test('plan starts a system, shows what a change would do, and stops it', async () => {
    const { code, output } = await runOvid(['plan', kvs, 'transform KVS shard shards=3'])
    expect(code).toBe(0)
    expect(output).toMatch(/^dry run: transform KVS shard shards=3.*nothing was changed\n$/s)
    expect(await runOvid(['plan', kvs, 'transform', 'KVS', 'shard', 'shards=0'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('error option-invalid'),
    })
  })
})

describe('a system is stopped cleanly', () => {
  const marked = (name: string) => {
    const mark = join(directory, name)
    return { mark, env: { OVID_TEST_MARK: mark } }
  }

  test('after a script that failed', async () => {
    const { mark, env } = marked('failed')
    expect(await runOvid(['up', fixture, '--script', '-'], ['nonsense'], { env })).toMatchObject({ code: 1 })
    expect(existsSync(mark)).toBe(true)
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('on %s, while a command waits for what never comes', async (signal, code) => {
    const { mark, env } = marked(signal)
    const ovid = new OvidProcess(['up', fixture, '--script', '-'], { env })
    ovid.process.stdin.write('show latt\njs console.log("waiting"), new Promise(() => {})\n')
    await ovid.shows('waiting\n')
    ovid.process.kill(signal)
    expect(await ovid.ended).toMatchObject({ code, output: expect.stringContaining('error interrupted') })
    expect(existsSync(mark)).toBe(true)
  })

  test('on SIGTERM, when it runs by itself for want of commands', async () => {
    const { mark, env } = marked('alone')
    const ovid = new OvidProcess(['up', fixture], { env })
    ovid.process.stdin.end()
    await ovid.shows('running until SIGINT or SIGTERM')
    ovid.process.kill('SIGTERM')
    expect(await ovid.ended).toMatchObject({ code: 143 })
    expect(existsSync(mark)).toBe(true)
  })

  test('when nobody reads its output any more', async () => {
    const { mark, env } = marked('unread')
    const ovid = new OvidProcess(['up', fixture], { env })
    ovid.process.stdin.write('show latt\n')
    await ovid.shows('epoch 1')
    ovid.process.stdout.destroy()
    ovid.process.stdin.write('show latt\nshow latt\nshow latt\n')
    const { code, errors } = await ovid.ended
    expect({ code, errors }).toEqual({ code: 1, errors: '' })
    expect(existsSync(mark)).toBe(true)
  })
})

describe('what cannot be started is said in one line', () => {
  test.each([
    [['up', 'missing.ts'], {}, 'error code-not-found: there is no file missing.ts'],
    [['up', 'docs'], {}, 'error code-not-found: there is no system.ts, system.js'],
    [['up', fixture], { OVID_TEST_FAULT: 'load' }, 'error code-not-found: '],
    [['up', fixture], { OVID_TEST_FAULT: 'start' }, 'the door is stuck'],
    [['up', 'test/ovid-process.fixture.ts'], {}, 'must export a system as default'],
    [['up', kvs, '--name', '7'], {}, 'error option-invalid: a box name is'],
  ])('%s %j', async (args, env, message) => {
    const { code, output, errors } = await runOvid(args, [], {
      env: { OVID_TEST_MARK: join(directory, 'unused'), ...env },
    })
    expect(code).toBe(1)
    expect(output).toMatch(/^error [a-z-]+: .*\n$/)
    expect(output).toContain(message)
    expect(errors).toBe('')
  })

  test.each([[['upp']], [['up', '--threads', 'many']], [['up', '--scripts']], [['new', 'thing', 'x']], [[]]])(
    'wrong usage ends with 2: %j',
    async (args) => {
      const { code, errors } = await runOvid(args)
      expect(code).toBe(2)
      expect(errors).not.toMatch(stackLine)
    },
  )
})

test('help is for the asking', async () => {
  expect(await runOvid(['--help'])).toMatchObject({ code: 0, output: expect.stringContaining('up [options] [system]') })
  expect(await runOvid(['--version'])).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('paths are relative to where it is called from, and system.ts is found there', async () => {
  const { code, output } = await runOvid(['up', '--script', '-'], ['show latt'], {
    cwd: join(root, 'examples', 'bank'),
  })
  expect(output).toContain('├─ Bank')
  expect(code).toBe(0)
})
