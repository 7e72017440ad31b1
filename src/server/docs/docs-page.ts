import { createHash } from 'node:crypto'
import { SCRIPT } from './docs-script.ts'
import { STYLE } from './docs-style.ts'

/** The page of the API. It needs nothing but this server: style and script are in it, and no other ones may run. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Agent Runner API</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Agent Runner API <span class="version"></span></h1>
<a href="/openapi.json">openapi.json</a>
<label>Key <input id="key" type="password" autocomplete="off" placeholder="agent-runner keys link"></label>
</header>
<div class="frame"><nav aria-label="Operations"></nav><main><noscript>This page reads openapi.json with a script.</noscript></main></div>
<script>${SCRIPT}</script>
</body>
</html>
`

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** What the page may do, told to the browser. */
export const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    `script-src ${hash(SCRIPT)}`,
    `style-src ${hash(STYLE)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cache-control': 'no-cache',
}
