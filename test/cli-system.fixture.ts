import { writeFileSync } from 'node:fs'
import { defineAgent, defineGateway, defineSystem, OvidError } from '@ovid/runtime'

const { OVID_TEST_FAULT = '', OVID_TEST_MARK = '' } = process.env

const log = defineAgent({
  kind: 'log',
  init: () => ({ lines: [] as string[] }),
  reads: { all: (state) => state.lines },
  writes: {
    add: (state, { line }: { line: string }) => state.lines.push(line),
    break: () => {
      throw new TypeError('this handler is broken')
    },
  },
})

/** Leaves a mark when it is stopped as it should be. */
const door = defineGateway({
  kind: 'door',
  start: () => {
    if (OVID_TEST_FAULT === 'start') throw new OvidError('door-stuck', 'the door is stuck')
    return { stop: () => writeFileSync(OVID_TEST_MARK, 'stopped') }
  },
})

if (OVID_TEST_FAULT === 'load') throw new Error('this module cannot be loaded')

export default defineSystem({ name: 'cli', agents: { Log: { agent: log }, Door: { agent: door } } })
