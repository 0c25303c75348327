import type { Watched } from '../../box/lookout.js'
import { OvidError } from '../../message/errors.js'
import { type Command, word } from '../command.js'
import { optionNumber } from '../option-number.js'
import { counted } from '../text.js'
import { shown } from '../values.js'

/** What a watch without a count may keep for its result. */
const MOST_KEPT = 10_000

function watchedText({ at, agent, kind, from, type, body }: Watched): string {
  const time = new Date(at).toISOString().slice(11, 23)
  const way = kind === 'timer' ? agent : `${from} → ${agent}`
  const content = shown(body).replace(/\s*\n\s*/g, ' ')
  return `${time}  ${way}  ${kind} ${type} ${content.length > 200 ? `${content.slice(0, 200)}…` : content}`
}

/** Resolves when enough messages have passed, when the time is over, or when the user has seen enough. */
function enough(signal: AbortSignal, seconds: number | undefined): { promise: Promise<void>; done: () => void } {
  let done = () => {}
  const promise = new Promise<void>((resolve) => {
    done = resolve
  })
  const timer = seconds === undefined ? undefined : setTimeout(done, seconds * 1000)
  if (signal.aborted) done()
  else signal.addEventListener('abort', done, { once: true })
  return { promise: promise.finally(() => clearTimeout(timer)), done }
}

/** `watch ID [COUNT]` */
export const watch: Command = {
  name: 'watch',
  summary: 'Shows messages as an agent handles them: an agent in all its parts, if it is transformed.',
  details: ['Without COUNT it goes on until Enter or Ctrl-C. Where more passes than can be shown, some is left out.'],
  examples: ['watch KVS', 'watch KVS 10 seconds=5'],
  parameters: [
    { name: 'ID', kind: 'agent' },
    { name: 'COUNT', kind: 'count', optional: true },
    {
      name: 'OPTIONS',
      kind: 'options',
      optional: true,
      options: { seconds: 'ends it after this time, however few have passed' },
    },
  ],
  stopsItself: true,
  endsOnEnter: true,
  run: async (session, given) => {
    const { id } = await session.node(word(given, 'ID'))
    const count = given.words.COUNT === undefined ? undefined : Number(given.words.COUNT)
    const seconds = optionNumber(given, 'seconds', { least: 0.001, most: 86_400 })
    if (count === undefined && seconds === undefined && !session.attended) {
      throw new OvidError(
        'command-invalid',
        'watch: nobody is here to end it; say how many messages, or for how long: watch ID COUNT seconds=N',
      )
    }
    const data: Watched[] = []
    let passed = 0
    const { promise, done } = enough(session.signal, seconds)
    const stop = await session.box.watch(session.client, id, (message) => {
      if (count !== undefined && passed >= count) return
      passed++
      if (data.length < MOST_KEPT) data.push(message)
      session.say(watchedText(message))
      if (passed === count) done()
    })
    await promise
    await stop()
    return { data, text: `${counted(passed, 'message')} watched` }
  },
}
