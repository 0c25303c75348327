import { expect, test } from 'vitest'
import { checkPurity } from './purity-rules.mjs'

const boundary = { folders: ['/runtime/src/agent', '/runtime/src/message'], modules: ['zod'] }
const findings = (text: string) =>
  checkPurity('/runtime/src/agent/sample.ts', text, boundary).map(({ line, message }) => `${line} ${message}`)

test('a file that only computes is pure', () => {
  const text = `
    import { z } from 'zod'
    import { invariant } from '../message/errors.js'
    import type { Cell } from './cell.js'
    export { other } from './other.js'
    // Date.now(), process.exit() and await are mere words here
    const words = 'Math.random() setTimeout'
    export const sum = (values: number[]) => Math.max(0, ...values)
    export interface Later extends Promise<string> { process: string }
    export type Start = (clock: typeof performance) => Promise<Date>
    export const moment = (value: unknown) => value instanceof Date ? value : new Date(Date.UTC(2020, 1) + Number(value))
    export const isLate = (reply: unknown) => reply instanceof Promise
    export const isMoment = (value: object) => value.constructor === Date
    export const own = (context: { setTimer(name: string): void; random(): number }) => context.random()
    export const member = { process: 1, fetch() { return this.process } }
    export const { performance: measured } = { performance: 1 }
    export function run(process: () => void) { process() }
    declare const agent: { setTimeout: number }
    export const delay = agent.setTimeout
  `
  expect(findings(text)).toEqual([])
})

test.each([
  ["import { readFileSync } from 'node:fs'", 'imports node:fs: pure code does no I/O'],
  ["import type { Socket } from 'node:net'", 'imports node:net: pure code does no I/O'],
  ["type Port = import('node:worker_threads').MessagePort", 'imports node:worker_threads: pure code does no I/O'],
  ["import { decode } from '@msgpack/msgpack'", 'imports @msgpack/msgpack, which is not on the list of pure modules'],
  ["import fs from 'fs'", 'imports fs, which is not on the list of pure modules'],
  ["export * from '../edge/ring.js'", 'imports ../edge/ring.js, which is in no pure folder'],
  ["import { a } from '../agents/a.js'", 'imports ../agents/a.js, which is in no pure folder'],
  ["const load = (name: string) => import('./' + name)", 'import() loads code while the program runs'],
  ['const now = Date.now()', 'uses Date to tell the time: take it from the context'],
  ['const now = new Date()', 'uses Date to tell the time: take it from the context'],
  ['const now = new Date', 'uses Date to tell the time: take it from the context'],
  ['const now = Date()', 'uses Date to tell the time: take it from the context'],
  ['const Clock = Date', 'uses Date to tell the time: take it from the context'],
  ['const { now } = Date', 'uses Date to tell the time: take it from the context'],
  ['const dice = Math.random()', 'uses Math.random: take chance from the context'],
  ["const dice = Math['random']()", 'uses Math.random: take chance from the context'],
  ['const { random } = Math', 'uses Math.random: take chance from the context'],
  ['setTimeout(() => {}, 10)', 'uses setTimeout'],
  ['setInterval(() => {}, 10)', 'uses setInterval'],
  ['setImmediate(() => {})', 'uses setImmediate'],
  ['queueMicrotask(() => {})', 'uses queueMicrotask'],
  ['performance.now()', 'uses performance'],
  ['process.exit(1)', 'uses process'],
  ['const world = { process }', 'uses process'],
  ['globalThis.setTimeout(() => {}, 10)', 'uses globalThis'],
  ["fetch('https://example.org')", 'uses fetch'],
  ["console.log('here')", 'uses console'],
  ['const done = Promise.resolve()', 'uses Promise'],
  ['class Later extends Promise<void> {}', 'uses Promise'],
  ['const run = async () => 1', 'async: pure code is synchronous'],
  ['async function run() {}', 'async: pure code is synchronous'],
  ['const run = { async run() {} }', 'async: pure code is synchronous'],
])('it is impure to write: %s', (code, message) => {
  expect(findings(`\n${code}`)).toEqual([`2 ${message}`])
})

test('every finding of a file is listed, in order, each with its line', () => {
  const text = `export async function run(port: { ready: unknown }) {
    await port.ready
    for await (const item of port.items) process.stdout.write(String(Date.now()))
  }`
  expect(findings(text)).toEqual([
    '1 async: pure code is synchronous',
    '2 await: pure code is synchronous',
    '3 await: pure code is synchronous',
    '3 uses process',
    '3 uses Date to tell the time: take it from the context',
  ])
})
