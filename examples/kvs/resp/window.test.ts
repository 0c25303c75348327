import { expect, it } from 'vitest'
import { Window } from './window.js'

it('a window lets in as many as it has room for, and the rest in the order they came', async () => {
  const window = new Window(2)
  expect(window.enter()).toBeUndefined()
  expect(window.enter()).toBeUndefined()
  const entered: string[] = []
  const waiting = ['first', 'second'].map((name) => window.enter()?.then(() => entered.push(name)))
  window.leave()
  await waiting[0]
  expect(entered).toEqual(['first'])
  window.leave()
  await waiting[1]
  expect(entered).toEqual(['first', 'second'])
  window.leave()
  expect(window.enter()).toBeUndefined()
  expect(window.enter()).toBeInstanceOf(Promise)
})
