import { expect, test } from 'vitest'
import { Patience } from './patience.js'

/** Of so many occasions, how many are taken when each fails. */
function takenInVain(patience: Patience, occasions: number): number {
  let taken = 0
  for (let occasion = 0; occasion < occasions; occasion++) {
    if (!patience.take()) continue
    taken++
    patience.learn(false)
  }
  return taken
}

test('while waiting pays every occasion is taken', () => {
  const patience = new Patience()
  for (let occasion = 0; occasion < 100; occasion++) {
    expect(patience.take()).toBe(true)
    patience.learn(true)
  }
})

test('when it never pays, one occasion in about 256 is taken', () => {
  const patience = new Patience()
  takenInVain(patience, 1000)
  expect(takenInVain(patience, 257 * 10)).toBe(10)
})

test('one success restores confidence', () => {
  const patience = new Patience()
  takenInVain(patience, 1000)
  while (!patience.take());
  patience.learn(true)
  expect(patience.take()).toBe(true)
  patience.learn(false)
  expect(patience.take()).toBe(false)
  expect(patience.take()).toBe(true)
})
