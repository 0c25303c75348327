import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Command } from './command.js'
import { commands } from './commands/table.js'
import { outputOn } from './output.js'
import { interact } from './repl.js'
import { fakeSession } from './session.fixture.js'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

/** A terminal whose keys the test presses. */
async function terminal(table: readonly Command[] = commands) {
  const input = new PassThrough()
  const output = new PassThrough()
  let text = ''
  const waiting: { pattern: RegExp | string; from: number; resolve: () => void }[] = []
  const look = () => {
    for (const each of waiting) {
      if (
        typeof each.pattern === 'string'
          ? text.includes(each.pattern, each.from)
          : each.pattern.test(text.slice(each.from))
      )
        each.resolve()
    }
  }
  output.on('data', (chunk) => {
    text += String(chunk)
    look()
  })
  const fake = fakeSession(table)
  const ended = interact(fake.session, outputOn(output, false), { input, output })
  /** Presses keys, and waits until something is shown that was not there before. */
  const press = (keys: string, pattern: RegExp | string) =>
    new Promise<void>((resolve) => {
      waiting.push({ pattern, from: text.length, resolve })
      input.write(keys)
      look()
    })
  await press('', 'fake> ')
  return { press, ended, fake, text: () => text, input }
}

/** Keys one by one: what arrives at once is taken for a paste, in which Tab is a character. */
async function type(screen: { press: (keys: string, pattern: string) => Promise<void> }, keys: string) {
  for (const key of keys) await screen.press(key, key)
}

test('it begins with what runs and what to try, and ends with Ctrl-D', async () => {
  const screen = await terminal()
  expect(screen.text()).toMatch(/fake runs on box main with 2 threads:\n +Store +store/)
  expect(screen.text()).toMatch(/Try:\n {2}show latt\n {2}state Store\n {2}transform Store shard shards=2 salt=2\n/)
  await screen.press(CTRL_D, '')
  await screen.ended
})

test('an error does not end it', async () => {
  const screen = await terminal()
  await screen.press('shw latt\r', /error unknown-command.*Did you mean show\?.*fake> /s)
  await screen.press('call Store get\r', /'answer'.*fake> /s)
  await screen.press('exit\r', '')
  await screen.ended
})

test('lines that are pasted are carried out one after the other', async () => {
  const order: string[] = []
  const slow = (name: string, turns: number): Command => ({
    name,
    summary: '',
    parameters: [],
    run: async () => {
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      order.push(name)
      return { data: null, text: `${name} done` }
    },
  })
  const screen = await terminal([slow('long', 20), slow('short', 1)])
  await screen.press('long\rshort\rlong\r', /long done.*short done.*long done/s)
  expect(order).toEqual(['long', 'short', 'long'])
})

test('a message may go on over several lines', async () => {
  const screen = await terminal()
  await screen.press('call Store put {"key":\r', '... ')
  await screen.press('"a"}\r', "'answer'")
  expect(screen.fake.calls.at(-1)).toEqual(['Store', 'put', { key: 'a' }])
})

test('Ctrl-C throws away what was typed, and what was begun', async () => {
  const screen = await terminal()
  await screen.press('call Store put {"key":\r', '... ')
  await screen.press(CTRL_C, /\^C\n.*fake> /s)
  await screen.press('nonsense', 'nonsense')
  await screen.press(CTRL_C, /\^C\n.*fake> /s)
  await screen.press('call Store get\r', "'answer'")
  expect(screen.fake.calls.at(-1)).toEqual(['Store', 'get', null])
})

test('Ctrl-C ends the command that runs; Enter ends one that only watches', async () => {
  const hang: Command = { name: 'hang', summary: '', parameters: [], run: () => new Promise(() => {}) }
  const look: Command = {
    name: 'look',
    summary: '',
    parameters: [],
    stopsItself: true,
    endsOnEnter: true,
    run: ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ data: 0, text: 'seen enough' }))
      }),
  }
  const screen = await terminal([hang, look])
  await screen.press('hang\r', '(Ctrl-C stops waiting)')
  await screen.press(CTRL_C, /error interrupted.*fake> /s)
  await screen.press('look\r', '(Enter ends it)')
  await screen.press('\r', /seen enough.*fake> /s)
  await screen.press('look\r', '(Enter ends it)')
  await screen.press(CTRL_C, /seen enough.*fake> /s)
})

test('Tab completes what is begun', async () => {
  const screen = await terminal()
  await type(screen, 'call Stor')
  await screen.press('\t', 'e')
  await type(screen, ' pur')
  await screen.press('\t', 'ge ')
  await screen.press('\r', "'answer'")
  expect(screen.fake.calls.at(-1)).toEqual(['Store', 'purge', null])
})

test('it ends when its session is ended from outside', async () => {
  const screen = await terminal()
  screen.fake.session.end()
  await screen.ended
})
