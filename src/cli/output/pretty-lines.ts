import type { ChalkInstance } from 'chalk'
import { end } from '../../core/ends.ts'
import type { StampedEvent } from '../../core/event.ts'
import { count, duration, moment, money, STEP_DONE } from '../../core/text/words.ts'
import { oneLine } from './clean.ts'
import { columnsOf, cut, wrapped } from './layout.ts'
import { endBlock, taskPanel } from './panels.ts'
import type { RunMemory } from './run-memory.ts'
import { tilde } from './tilde.ts'

/** An event as coloured lines that fit into `columns`. A kind of event without lines does not compile. */
export function prettyLines(event: StampedEvent, run: RunMemory, paint: ChalkInstance, columns: number): string[] {
  const good = (text: string, right = '') => marked(paint.green('✔'), text, right)
  const bad = (text: string, right = '') => marked(paint.red('✖'), text, right)
  const told = (text: string) => marked(paint.cyan('›'), text)
  const warned = (text: string, more = '') => [
    ...marked(paint.yellow('!'), text),
    ...(more ? wrapped(more, columns, '  ').map(line => paint.dim(line)) : []),
  ]

  switch (event.type) {
    case 'runner_started': {
      const facts = [event.agentId, event.role, event.level, event.tracker, tilde(event.repo)].map(fact => oneLine(fact)).join(' · ')
      return [paint.bold(`Agent Runner ${oneLine(event.version)}`), ...wrapped(facts, columns).map(line => paint.dim(line))]
    }
    case 'runner_stopped':
      return wrapped(`Stopped: ${oneLine(event.reason)} · ${count(event.tasks, 'task')}`, columns).map(line => paint.dim(line))
    case 'idle':
      return []
    case 'health':
      return event.ok ? good(event.message) : bad(event.message)
    case 'signal':
      return warned(`${event.signal}: ${event.message}`)
    case 'warning':
      return warned(event.message, event.advice)
    case 'recovered':
      return told(`Found unfinished work, ${event.decision.replaceAll('_', ' ')}: ${event.message}`)
    case 'task_taken':
      return taskPanel(event.task, event.model, paint, columns)
    case 'step_started':
      return []
    case 'step_finished': {
      const done = STEP_DONE[event.step]
      return done === null ? [] : good(`${done}${event.result ? ` · ${event.result}` : ''}`, event.ms < 1000 ? '' : duration(event.ms))
    }
    case 'hook_finished': {
      const said = event.message.trim() === '' ? [] : wrapped(event.message, columns, '  ', 6).map(line => paint.dim(line))
      if (event.exitCode === 0) return [...good(`hook ${event.hook}`, duration(event.ms)), ...said]
      const how = event.exitCode === null ? 'was stopped' : `failed with exit code ${event.exitCode}`
      return [...bad(`hook ${event.hook} ${how}`, duration(event.ms)), ...said, ...dimPath(event.log)]
    }
    case 'workspace_ready': {
      const { kind, path, branch, fallback } = event.workspace
      const where = kind === 'in-place' ? 'in place' : kind
      return [
        ...told(`${where}${branch ? ` on ${branch}` : ''}`),
        ...dimPath(path),
        ...(fallback ? warned(kind === 'in-place' ? `not a worktree: ${fallback}` : fallback) : []),
      ]
    }
    case 'attempt_started': {
      const how = event.mode === 'resume' ? ', resuming its session' : ''
      return told(`attempt ${event.attempt}${how} · ${event.model} · at most ${duration(event.deadlineMs)}`)
    }
    case 'attempt_ended': {
      const { end: ended } = event
      const sums = `${count(ended.turns, 'turn')} · ${count(ended.toolCalls, 'tool call')} · ${money(ended.costUsd, ended.costIsLeast)}`
      if (end(ended.reason).next === 'report') return good(`attempt ${event.attempt} · ${sums}`, duration(ended.durationMs))
      const why = ended.text.trim() === '' ? [] : wrapped(ended.text, columns, '  ', 6).map(line => paint.dim(line))
      return [...bad(`attempt ${event.attempt}: ${end(ended.reason).says}`, duration(ended.durationMs)), ...why]
    }
    case 'part_finished':
      return good(`part ${event.part} of ${event.of} done: ${event.name}`)
    case 'run_paused':
    case 'run_resumed':
      return told(event.message)
    case 'waiting':
      return [
        ...told(`Waiting until ${moment(event.untilMs)}: ${event.message}`),
        ...(event.advice ? wrapped(event.advice, columns, '  ').map(line => paint.dim(line)) : []),
      ]
    case 'agent_ready':
    case 'agent_thinking':
      return []
    case 'agent_text':
      return event.text.trim() === '' ? [] : wrapped(event.text, columns, '  ')
    case 'tool_used':
      return [paint.dim(cut(`  · ${oneLine(event.tool, 40)}  ${oneLine(event.argument, 300)}`.trimEnd(), columns))]
    case 'tool_result': {
      if (event.ok) return []
      const tool = run.tools.get(event.id)
      return [paint.red(cut(`  ✖ ${tool ? `${oneLine(tool, 40)}: ` : ''}${oneLine(event.text, 300)}`, columns))]
    }
    case 'run_finished':
      return endBlock(event, event.runId, run, paint, columns)
  }

  function marked(mark: string, text: string, right = ''): string[] {
    const lines = wrapped(oneLine(text), columns, '  ').map((line, index) => (index === 0 ? `${mark} ${line.trimStart()}` : line))
    if (right === '' || lines.length !== 1) return lines
    // The time stands right behind the text, not at the far edge, so that eyes need not travel.
    return columnsOf(lines[0]!) + right.length + 2 <= columns ? [`${lines[0]}  ${paint.dim(right)}`] : lines
  }

  function dimPath(path: string): string[] {
    // A path is there to be copied, so it is neither cut nor wrapped with marks. A terminal breaks it by itself.
    return [`  ${paint.dim(tilde(oneLine(path)))}`]
  }
}
