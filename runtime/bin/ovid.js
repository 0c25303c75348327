#!/usr/bin/env node
// Not the compiled file itself: npm links a command at install time only if its file is there, and in a fresh clone dist is not.
import '../dist/cli/main.js'
