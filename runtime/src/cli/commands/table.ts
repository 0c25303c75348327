import type { Command } from '../command.js'
import { history, move, plan, transform, undo, untransform } from './changes.js'
import { exit, help } from './help.js'
import { call, tell } from './messages.js'
import { plugin, show } from './show.js'
import { state } from './state.js'

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
  plugin,
  history,
  undo,
  exit,
]
