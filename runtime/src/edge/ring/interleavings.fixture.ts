import { HEAD, HEADER_BYTES, type RingMemory, ringMemory, TAIL } from './layout.js'
import type { SharedWords } from './words.js'

/**
 * Tries every interleaving of two programs that share a ring and two doorbells.
 *
 * A program is ordinary synchronous code, the same that runs in production. It cannot be stopped in the middle, so it is run again
 * from its beginning for each step: the results of its earlier operations on shared words are played back, at the next new one it
 * is cut off by an exception. What a program does between two operations, copying bytes to or from the ring, is a step of its own:
 * the other side may run before it and after it. Played back, it sees the ring's bytes as they were then.
 *
 * States reached in several ways are explored once; the number of interleavings is the number of paths through them.
 * What a program remembers is known by the results it has seen since its last checkpoint.
 */
export interface World {
  /** The ring's memory as this program sees it. */
  readonly memory: RingMemory
  readonly words: SharedWords
  /** Rings the other program's doorbell. */
  readonly ringDoorbell: () => void
  /** Sleeps until this program's own doorbell rings; once for each ring. */
  readonly sleep: () => void
  /** Notes something the outside can see. It must extend a prefix of what is expected. */
  readonly observe: (what: string) => void
  /**
   * Says that all the program remembers is `label`, what it last loaded of each word, and what the shared words tell.
   * Paths that differ in their past only are explored once from here.
   */
  readonly checkpoint: (label: string) => void
}

export type Program = (world: World) => void

export interface Exploration {
  readonly states: number
  readonly interleavings: bigint
  readonly longest: number
  /** What went wrong, with the steps that lead to it; undefined if nothing can. */
  readonly failure: string | undefined
  /** Whether each of these was seen somewhere: an exploration that never sees them proves nothing. */
  readonly slept: readonly [boolean, boolean]
}

interface Operation {
  readonly name: string
  /** Undefined: cannot be done now. */
  readonly perform: (state: State) => number | undefined
}

interface Thread {
  /** Results of the operations performed so far. */
  readonly results: readonly number[]
  /** The ring's bytes when each stretch of code ran, the first one first. */
  readonly seen: readonly Uint8Array[]
  /** The operation the program has come to; undefined: its result is there, the code after it has not run. */
  readonly next: Operation | undefined
  readonly isDone: boolean
  readonly observed: readonly string[]
  /** What the program remembered at its last checkpoint, and how many results it had seen by then. */
  readonly remembered: string
  readonly checkpoint: number
}

interface State {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  /** Rings not yet heard, for each thread. */
  readonly bells: [number, number]
  readonly threads: readonly [Thread, Thread]
}

/** Unwinds a program at an operation that is not performed yet. No Error, since programs may expect those. */
const CUT = Symbol('cut')

export function explore(options: {
  readonly capacity: number
  /** Where head and tail stand at the beginning. */
  readonly position: number
  readonly programs: readonly [Program, Program]
  /** What the second program must observe, in this order. */
  readonly expected: readonly string[]
}): Exploration {
  const { capacity, position, programs, expected } = options
  const words = new Int32Array(HEADER_BYTES / 4)
  words[HEAD] = position
  words[TAIL] = position
  const fresh: Thread = {
    results: [],
    seen: [],
    next: undefined,
    isDone: false,
    observed: [],
    remembered: '',
    checkpoint: 0,
  }
  const start: State = { words, bytes: new Uint8Array(capacity), bells: [0, 0], threads: [fresh, fresh] }
  const paths = new Map<string, bigint>()
  const trace: string[] = []
  const slept: [boolean, boolean] = [false, false]
  let longest = 0
  let failure: string | undefined

  function visit(state: State): bigint {
    const key = keyOf(state)
    const known = paths.get(key)
    if (known !== undefined || failure !== undefined) return known ?? 0n
    longest = Math.max(longest, trace.length)
    let count = 0n
    for (const turn of [0, 1] as const) {
      const step = advance(state, turn, programs[turn], expected)
      if (step === undefined) continue
      trace.push(step.name)
      if (step.name.endsWith('sleep')) slept[turn] = true
      if (step.failure === undefined) count += visit(step.state)
      else failure ??= `${step.failure}\n  ${trace.join('\n  ')}`
      trace.pop()
    }
    if (count === 0n && failure === undefined) {
      const problem = problemAtEnd(state, expected)
      if (problem !== undefined) failure = `${problem}\n  ${trace.join('\n  ')}`
      count = 1n
    }
    paths.set(key, count)
    return count
  }

  const interleavings = visit(start)
  return { states: paths.size, interleavings, longest, failure, slept }
}

function problemAtEnd(state: State, expected: readonly string[]): string | undefined {
  const [one, other] = state.threads
  if (!one.isDone || !other.isDone) return 'both wait for ever'
  return other.observed.length === expected.length ? undefined : `only ${other.observed.join(', ')} arrived`
}

/** One step of one thread: an operation, or the code up to the next operation. Undefined: it cannot move. */
function advance(state: State, turn: 0 | 1, program: Program, expected: readonly string[]): Step | undefined {
  const thread = state.threads[turn]
  if (thread.isDone) return undefined
  const who = turn === 0 ? 'producer' : 'consumer'
  if (thread.next === undefined) {
    const { state: after, thread: ran, crash } = runCode(state, turn, program)
    const isPrefix = ran.observed.every((what, i) => what === expected[i])
    const failure = crash ?? (isPrefix ? undefined : `arrived: ${ran.observed.join(', ')}`)
    return { name: `${who}: code`, state: after, failure }
  }
  const after: State = { ...state, words: state.words.slice(), bells: [...state.bells] }
  const result = thread.next.perform(after)
  if (result === undefined) return undefined
  const moved: Thread = { ...thread, results: [...thread.results, result], next: undefined }
  return { name: `${who}: ${thread.next.name}`, state: withThread(after, turn, moved), failure: undefined }
}

interface Step {
  readonly name: string
  readonly state: State
  readonly failure: string | undefined
}

/** Plays the program back to where it stands and lets it run on to its next operation. */
function runCode(
  state: State,
  turn: 0 | 1,
  program: Program,
): { state: State; thread: Thread; crash: string | undefined } {
  const before = state.threads[turn]
  const playback = new Playback(turn, before.results, [...before.seen, state.bytes])
  let crash: string | undefined
  try {
    program(playback)
  } catch (error) {
    if (error !== CUT) crash = String(error)
  }
  const { next, observed, remembered, checkpointAt: checkpoint, seen } = playback
  const thread = { results: before.results, seen, next, isDone: next === undefined, observed, remembered, checkpoint }
  return { state: withThread({ ...state, bytes: playback.memory.bytes.slice() }, turn, thread), thread, crash }
}

class Playback implements World {
  readonly memory: RingMemory
  readonly words: SharedWords
  readonly seen: readonly Uint8Array[]
  readonly observed: string[] = []
  next: Operation | undefined
  remembered = ''
  checkpointAt = 0
  readonly #turn: 0 | 1
  readonly #results: readonly number[]
  readonly #lastLoaded = new Map<number, number>()
  #done = 0

  constructor(turn: 0 | 1, results: readonly number[], seen: readonly Uint8Array[]) {
    this.#turn = turn
    this.#results = results
    this.seen = seen
    const [first] = seen as [Uint8Array]
    this.memory = ringMemory(new ArrayBuffer(HEADER_BYTES + first.length))
    this.memory.bytes.set(first)
    this.words = {
      load: (index) => {
        const value = this.#operate(`load ${index}`, ({ words }) => words[index])
        this.#lastLoaded.set(index, value)
        return value
      },
      store: (index, value) =>
        void this.#operate(`store ${index} ${value}`, ({ words }) => replace(words, index, value)),
      exchange: (index, value) =>
        this.#operate(`exchange ${index} ${value}`, ({ words }) => replace(words, index, value)),
    }
  }

  readonly ringDoorbell = () => void this.#operate('ring', ({ bells }) => ++bells[this.#turn === 0 ? 1 : 0])

  readonly sleep = () =>
    void this.#operate('sleep', ({ bells }) => (bells[this.#turn] > 0 ? --bells[this.#turn] : undefined))

  readonly observe = (what: string) => void this.observed.push(what)

  readonly checkpoint = (label: string) => {
    this.remembered = `${label} ${[...this.#lastLoaded].sort()}`
    this.checkpointAt = this.#done
  }

  #operate(name: string, perform: Operation['perform']): number {
    if (this.#done === this.#results.length) {
      // While it is unwound, a program's `finally` may come to another operation: the first one counts.
      this.next ??= { name, perform }
      throw CUT
    }
    const result = this.#results[this.#done++] as number
    this.memory.bytes.set(this.seen[this.#done] as Uint8Array)
    return result
  }
}

function replace(words: Int32Array, index: number, value: number): number {
  const old = words[index] as number
  words[index] = value
  return old
}

function withThread(state: State, turn: 0 | 1, thread: Thread): State {
  return { ...state, threads: turn === 0 ? [thread, state.threads[1]] : [state.threads[0], thread] }
}

function keyOf({ words, bytes, bells, threads }: State): string {
  const used = words.filter((_, i) => i % 32 === 0)
  const sides = threads.map((thread) => {
    const since = thread.results.slice(thread.checkpoint)
    return `${thread.remembered}|${since}|${thread.next?.name}|${thread.isDone}|${thread.observed.length}`
  })
  return `${used}/${bells}/${sides.join('/')}/${Buffer.from(bytes).toString('latin1')}`
}
