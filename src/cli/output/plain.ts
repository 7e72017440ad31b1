import type { StampedEvent } from '../../core/event.ts'
import { atLength, sentence } from '../../core/text/sentence.ts'
import { count, localStamp } from '../../core/text/words.ts'
import { oneLine } from './clean.ts'

/** An event as one line with its local time and the agent; '' for events that only a verbose output shows. No escape sequences. */
export function plainLine(event: StampedEvent, verbose = false): string {
  const text = oneLine(sentence(event) || (verbose ? atLength(event) : ''))
  return text === '' ? '' : `${localStamp(event.at)} ${oneLine(event.agentId, 64)} ${text}`
}

/** Says that lines are missing, because the disk was full or the reader too slow. */
export function missingLine(lines: number): string {
  return `${localStamp(Date.now())} … ${count(lines, 'line')} missing here: they could not be written\n`
}
