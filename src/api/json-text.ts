/**
 * What JSON.parse cannot tell: the exact text of a member or of an array's elements, and how deep the
 * text nests. All take text that JSON.parse has accepted or will judge next, and none recurses.
 */

/**
 * The text of an object's member as it stands, without the white space around it.
 *
 * @param json valid JSON whose value is an object
 * @returns the last member of that name, as JSON.parse would take it; undefined without one
 */
export function memberText(json: string, name: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[at] === '"') {
    const keyEnd = endOfString(json, at);
    const key: unknown = JSON.parse(json.slice(at, keyEnd));
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = endOfValue(json, start);
    if (key === name) found = json.slice(start, end);
    at = skipSpace(json, end);
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

/**
 * The texts of an array's elements as they stand, without the white space around them.
 *
 * @param json valid JSON whose value is an array
 */
export function elementTexts(json: string): string[] {
  const found: string[] = [];
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (at < json.length && json[at] !== ']') {
    const end = endOfValue(json, at);
    found.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

/** The deepest nesting of arrays and objects; brackets inside strings do not count. */
export function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '"') at = endOfString(json, at) - 1;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
}

/** @param start where the opening quote stands @returns the position after the closing one */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(json: string, start: number): number {
  const first = json[start];
  if (first === '"') return endOfString(json, start);
  if (first !== '{' && first !== '[') {
    return seek(json, start, /[\s,}\]]/g);
  }
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const char = json[at];
    if (char === '"') at = endOfString(json, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  return json.length;
}

function skipSpace(json: string, start: number): number {
  return seek(json, start, /\S/g);
}

/** One search for the whole run: looking at each character by itself would hold up a process over megabytes of space. */
function seek(json: string, start: number, wanted: RegExp): number {
  wanted.lastIndex = start;
  return wanted.exec(json)?.index ?? json.length;
}
