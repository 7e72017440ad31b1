import { type ClientRequest, request } from 'node:http'

export interface Message {
  id: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and fail by themselves.
  data: any
}

/** One connection to an event stream, as a browser reads it. */
export interface Stream {
  status: number
  headers: Record<string, string | string[] | undefined>
  messages: Message[]
  comments: string[]
  /** Resolves when the server has ended it. */
  closed: Promise<void>
  /** No longer reads what comes, as a client that hangs. */
  stall(): void
  leave(): void
}

/** Opens an event stream. Rejects when there is no answer. */
export function openStream(url: string, headers: Record<string, string> = {}): Promise<Stream> {
  const opened = Promise.withResolvers<Stream>()
  const closed = Promise.withResolvers<void>()
  const sent: ClientRequest = request(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, response => {
    const stream: Stream = {
      ...{ status: response.statusCode!, headers: response.headers, messages: [], comments: [] },
      closed: closed.promise,
      stall: () => void response.pause(),
      leave: () => void sent.destroy(),
    }
    let text = ''
    response.setEncoding('utf8').on('data', part => {
      const blocks = (text + part).split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) read(block, stream)
    })
    response.on('close', () => closed.resolve())
    opened.resolve(stream)
  })
  sent.on('error', error => {
    opened.reject(error)
    closed.resolve()
  })
  sent.end()
  return opened.promise
}

function read(block: string, stream: Stream): void {
  const fields = Object.fromEntries(
    block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  if ('data' in fields) stream.messages.push({ id: Number(fields.id), data: JSON.parse(fields.data!) })
  else if ('' in fields) stream.comments.push(fields['']!)
}
