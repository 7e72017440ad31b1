/** What is wrong with YAML, by the codes of its parser. None of them quotes the text, in which a secret may stand. */
const WORDS: Record<string, string> = {
  ALIAS_PROPS: 'an alias (*name) cannot have an anchor or a tag',
  BAD_ALIAS: 'an alias (*name) is not written as it has to be',
  BAD_COLLECTION_TYPE: 'a tag does not fit the list or group that it stands at',
  BAD_DIRECTIVE: 'a line that begins with % is not known',
  BAD_DQ_ESCAPE: 'a backslash in double quotes is followed by what it cannot be followed by',
  BAD_INDENT: 'the line is indented too much or too little, or a bracket or quotation mark before it is not closed',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place',
  BAD_SCALAR_START: 'a text cannot begin with this sign; put it into quotes',
  BLOCK_AS_IMPLICIT_KEY: 'there are two colons in one line, or a group begins where it cannot; put the text into quotes',
  BLOCK_IN_FLOW: 'a list or group of several lines cannot stand inside brackets',
  DUPLICATE_KEY: 'the same name stands there twice',
  KEY_OVER_1024_CHARS: 'a name is too long',
  MISSING_CHAR: 'something is missing: a colon, a comma, a quotation mark or a bracket',
  MULTILINE_IMPLICIT_KEY: 'a name goes over several lines; a colon or a quotation mark may be missing',
  MULTIPLE_ANCHORS: 'something has two anchors',
  MULTIPLE_DOCS: 'there may be one document, and no line with --- between two',
  MULTIPLE_TAGS: 'something has two tags',
  NON_STRING_KEY: 'a name is no text',
  RESOURCE_EXHAUSTION: 'its aliases make too much of it',
  TAB_AS_INDENT: 'a tab cannot indent a line; use blanks',
  TAG_RESOLVE_FAILED: 'a tag (!name) is not known',
  UNEXPECTED_TOKEN: 'there is something that cannot stand here',
}

/** What is wrong with YAML, in plain words. */
export const yamlFault = (code: string): string => WORDS[code] ?? 'this cannot be read'
