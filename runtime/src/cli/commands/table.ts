import type { Command } from '../command.js'
import { bench } from './bench.js'
import { history, move, plan, transform, undo, untransform, upgrade } from './changes.js'
import { exit, help } from './help.js'
import { js } from './javascript.js'
import { call, tell } from './messages.js'
import { plugin, show } from './show.js'
import { state } from './state.js'
import { stats } from './stats.js'
import { watch } from './watch.js'

/** Every command of the REPL, in the order help lists them. */
export const commands: readonly Command[] = [
  help,
  show,
  state,
  call,
  tell,
  transform,
  untransform,
  plan,
  move,
  upgrade,
  undo,
  history,
  plugin,
  stats,
  watch,
  bench,
  js,
  exit,
]
