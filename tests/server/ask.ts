import { type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Null when the answer is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and fail by themselves.
  json: any
}

export interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
}

/** One request over a connection of its own, with exactly these headers: `fetch` would not let a test lie about `Host`. */
export function ask(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request(url, { method, headers, agent: false }, response => {
    const parts: Buffer[] = []
    response
      .on('data', part => parts.push(part))
      .on('error', reject)
      .on('end', () => {
        const text = Buffer.concat(parts).toString()
        const isJson = /json/.test(response.headers['content-type'] ?? '')
        resolve({ status: response.statusCode!, headers: response.headers, text, json: isJson && text ? JSON.parse(text) : null })
      })
  })
  // A server that refuses a body may close the connection while it is still being sent; its answer counts.
  sent.on('error', error => setTimeout(() => reject(error), 200).unref())
  sent.end(body)
  return promise
}
