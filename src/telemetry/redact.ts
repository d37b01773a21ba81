/**
 * Masks secrets in text of unknown form, for previews and logs.
 * It errs on the side of masking, and walks the text once: hostile input costs time in proportion to its length.
 */

export const redactedMask = '***REDACTED***';

/** A field is secret when its name, without case and separators, contains one of these. */
export const secretFieldNames = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'api_key',
  'access_key',
  'private_key',
  'signing_key',
  'encryption_key',
  'authorization',
  'credential',
  'session_id',
  'cookie',
  'csrf',
  'xsrf',
  'jwt',
  'client_secret',
  'access_token',
  'refresh_token',
] as const;

/** Webhook secrets, API keys and client secrets tell themselves. */
const ownSecret = /^(whsec|ehk|ehs)_/;

const plainNames = secretFieldNames.map(plain);

/** True when a field of this name holds a secret, e.g. `X-Api-Key` or `userPassword`. */
export function isSecretFieldName(name: string): boolean {
  const plainName = plain(name);
  return plainNames.some((secret) => plainName.includes(secret));
}

/**
 * Masks `"password": "..."`, `key=value`, `Authorization: Bearer ...`, passwords in URLs, bare bearer tokens and
 * secrets of our own.
 */
export function redactText(text: string): string {
  if (!mayHoldSecret.test(text)) return text;
  return redactWords(text.includes('://') ? text.replace(urlPassword, `$1${redactedMask}`) : text);
}

/** Most texts hold nothing that announces a secret; this tells them at a tenth of the cost. */
const mayHoldSecret = new RegExp(
  [':\\/\\/', 'bearer', '(?:whsec|ehk|ehs)_', ...plainNames.map((name) => name.split('').join('[._-]*'))].join('|'),
  'i',
);

/** Between the user's name and the `@` of a URL. */
const urlPassword = /(:\/\/[^\s:@/]{0,256}:)[^\s@/]{1,1024}(?=@)/g;

function redactWords(text: string): string {
  const word = /[\w.-]+/g;
  let result = '';
  let copied = 0;
  for (let match = word.exec(text); match !== null; match = word.exec(text)) {
    const secret = secretAfter(text, match[0], match.index);
    if (secret === undefined) continue;
    result += text.slice(copied, secret.start) + redactedMask;
    copied = secret.end;
    word.lastIndex = secret.end;
  }
  return result + text.slice(copied);
}

interface Span {
  start: number;
  end: number;
}

/** Where the secret lies that this word announces or is. */
function secretAfter(text: string, word: string, wordStart: number): Span | undefined {
  const wordEnd = wordStart + word.length;
  if (ownSecret.test(word)) return { start: wordStart, end: endOfBare(text, wordStart) };
  if (isSecretFieldName(word)) {
    const start = valueStart(text, wordEnd);
    if (start !== undefined) return valueSpan(text, start);
  }
  if (/^bearer$/i.test(word)) {
    const start = skipSpaces(text, wordEnd);
    const end = endOfBare(text, start);
    // Shorter words are prose: "the bearer of".
    if (end - start >= 12) return { start, end };
  }
  return undefined;
}

/** Past the closing quote of the name and its `:` or `=`; undefined when the word is no field name. */
function valueStart(text: string, from: number): number | undefined {
  let at = from;
  if (text[at] === '\\') at++;
  if (text[at] === '"' || text[at] === "'") at++;
  at = skipSpaces(text, at);
  if (text[at] !== ':' && text[at] !== '=') return undefined;
  at++;
  if (text[at] === '>') at++;
  return skipSpaces(text, at);
}

function valueSpan(text: string, start: number): Span {
  const first = text[start];
  // JSON inside a JSON string: its quotes are written \".
  if (first === '\\' && text[start + 1] === '"') {
    const end = text.indexOf('\\"', start + 2);
    return { start: start + 2, end: end === -1 ? text.length : end };
  }
  if (first === '"' || first === "'") return { start: start + 1, end: endOfQuoted(text, start + 1, first) };
  if (first === '{' || first === '[') return { start, end: endOfNested(text, start) };
  let end = endOfBare(text, start);
  // "Bearer abc" is a scheme and the secret after it.
  if (/^(bearer|basic|digest|token|apikey|hmac|negotiate)$/i.test(text.slice(start, Math.min(end, start + 16)))) {
    end = endOfBare(text, skipSpaces(text, end));
  }
  return { start, end };
}

/** The index of the closing quote, or of the end when the text was cut. */
function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return text.length;
}

/** Past the bracket that closes the one at `from`. */
function endOfNested(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfQuoted(text, at + 1, char);
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  return text.length;
}

function endOfBare(text: string, from: number): number {
  const delimiter = /[\s,;&"'<>(){}[\]\\]/g;
  delimiter.lastIndex = from;
  return delimiter.exec(text)?.index ?? text.length;
}

function skipSpaces(text: string, from: number): number {
  const other = /\S/g;
  other.lastIndex = from;
  return other.exec(text)?.index ?? text.length;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[._-]/g, '');
}
