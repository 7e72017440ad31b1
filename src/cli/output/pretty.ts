import chalk, { type ChalkInstance } from 'chalk'
import ora, { type Ora } from 'ora'
import type { StampedEvent } from '../../core/event.ts'
import { atLength } from '../../core/text/sentence.ts'
import { moment, STEP_DOING, watch } from '../../core/text/words.ts'
import { oneLine } from './clean.ts'
import { columnsOf, cut, wrapped } from './layout.ts'
import { prettyLines } from './pretty-lines.ts'
import type { Printer, PrinterOptions } from './printer-contract.ts'
import { RunMemories } from './run-memory.ts'
import { type OutputStream, openSink } from './sink.ts'

/** The spinner redraws seldom, so that the terminal stays calm and the CPU is for the agent. */
const WORKING = { interval: 120, frames: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] }
const RESTING = { interval: 1000, frames: ['·', ' '] }

/** The content of the line at the bottom; null for no line. */
interface Now {
  doing: string
  detail: string
  resting: boolean
  since: number
}

/** Shows events at a terminal: coloured lines, and below them one live line with what is going on right now. */
export function openPretty(stream: OutputStream, options: PrinterOptions = {}, paint: ChalkInstance = chalk): Printer {
  const sink = openSink(stream, options)
  const memories = new RunMemories()
  const animated = (options.live ?? true) && stream.isTTY === true
  let now: Now | null = null
  let spinner: Ora | null = null
  let held: StampedEvent[] | null = null

  function show(event: StampedEvent): void {
    try {
      const told = prettyLines(event, memories.of(event), paint, sink.columns())
      const more = options.verbose ? atLength(event) : ''
      const lines = more === '' ? told : wrapped(more, sink.columns(), '  ').map(line => paint.dim(line))
      // The spinner notices writes to its stream: it clears its line, lets them through, and draws itself again below.
      if (lines.length > 0) sink.write(`${lines.join('\n')}\n`)
    } catch {
      // An event of another version of the program, read from a file.
    }
    if (animated) {
      now = nextNow(now, event)
      draw()
    }
  }

  function draw(): void {
    if (now === null || held !== null || sink.gone.aborted) {
      stopSpinner()
      return
    }
    const style = now.resting ? RESTING : WORKING
    if (spinner !== null && spinner.interval !== style.interval) stopSpinner()
    spinner ??= ora({
      stream,
      spinner: style,
      color: now.resting ? 'gray' : 'cyan',
      discardStdin: false,
      // A hidden cursor would have to be shown again at the exit of the process, on a terminal that may take nothing.
      hideCursor: false,
      isEnabled: true,
      suffixText: elapsed,
    })
    // Leave room for the spinner's sign and the watch: a line that wraps would be drawn again and again.
    const room = sink.columns() - 13
    const doing = cut(now.doing, room)
    const left = room - columnsOf(doing) - 3
    spinner.text = now.detail !== '' && left > 8 ? `${doing} ${paint.dim(`· ${cut(now.detail, left)}`)}` : doing
    if (!spinner.isSpinning) spinner.start()
  }

  function elapsed(): string {
    return now === null || now.resting ? '' : paint.dim(watch(Date.now() - now.since))
  }

  function stopSpinner(): void {
    spinner?.stop()
    spinner = null
  }

  return {
    print(event) {
      if (held) held.push(event)
      else show(event)
    },
    suspend() {
      held ??= []
      stopSpinner()
    },
    resume() {
      const events = held ?? []
      held = null
      for (const event of events) show(event)
      draw()
    },
    close() {
      this.resume()
      now = null
      stopSpinner()
    },
    gone: sink.gone,
  }
}

/** What is going on after this event. The watch runs from the start of the run, also for somebody who looks later. */
function nextNow(now: Now | null, event: StampedEvent): Now | null {
  const going = (doing: string, detail = ''): Now => ({
    doing,
    detail: oneLine(detail, 200),
    resting: false,
    since: now === null || now.resting ? Date.parse(event.at) || Date.now() : now.since,
  })
  const resting = (doing: string): Now => ({ doing: oneLine(doing, 200), detail: '', resting: true, since: 0 })
  const agent = (detail: string) => going(STEP_DOING.agent, detail)

  switch (event.type) {
    case 'runner_started':
      return resting('starting')
    case 'runner_stopped':
    case 'run_finished':
      return null
    case 'idle':
      return resting(event.message)
    case 'waiting':
      return resting(`waiting until ${moment(event.untilMs)}: ${event.message}`)
    case 'task_taken':
      return going(STEP_DOING.claim)
    case 'step_started':
      return going(STEP_DOING[event.step])
    case 'attempt_started':
      return agent('starting')
    case 'agent_thinking':
      return agent('thinking')
    case 'agent_text':
      return agent('writing')
    case 'tool_used':
      return agent(`${event.tool} ${event.argument}`)
    case 'tool_result':
    case 'agent_ready':
      return agent('thinking')
    default:
      return now
  }
}
