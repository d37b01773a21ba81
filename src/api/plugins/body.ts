/**
 * How bodies are read: JSON in UTF-8 and nothing else, refused before anything looks into it when it
 * nests too deep. A key named `__proto__` is data like any other; nothing here merges objects.
 */
import { TextDecoder } from 'node:util';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { EverhookError } from '../../domain/errors';
import type { App } from '../http';
import { depthOf } from '../json-text';

const maxDepth = 64;

export const bodyPlugin = fp((instance) => {
  const app = instance as unknown as App;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  app.decorateRequest('bodyText', '');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      // Clients name a content type on requests without a body, too; where one is needed the schema says so.
      done(null, body.length === 0 ? undefined : parseJson(request, body as Buffer, decoder));
    } catch (error) {
      done(error as Error);
    }
  });
  return Promise.resolve();
});

function parseJson(request: FastifyRequest, body: Buffer, decoder: TextDecoder): unknown {
  const charset = /charset\s*=\s*"?([^\s";]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new EverhookError('UNSUPPORTED_MEDIA_TYPE', `charset ${charset}`, {
      publicMessage: 'Send JSON in UTF-8.',
    });
  }
  const text = decode(decoder, body);
  if (depthOf(text) > maxDepth) {
    throw new EverhookError('MALFORMED_JSON', 'too deep', {
      publicMessage: `The JSON nests deeper than ${maxDepth} levels.`,
    });
  }
  try {
    const parsed: unknown = JSON.parse(text);
    request.bodyText = text;
    return parsed;
  } catch (error) {
    throw new EverhookError('MALFORMED_JSON', 'not JSON', {
      publicMessage: `The body is not valid JSON${positionIn(error)}.`,
      cause: error,
    });
  }
}

function decode(decoder: TextDecoder, body: Buffer): string {
  try {
    return decoder.decode(body);
  } catch (error) {
    throw new EverhookError('MALFORMED_JSON', 'not UTF-8', {
      publicMessage: 'The body is not valid UTF-8.',
      cause: error,
    });
  }
}

/** Where parsing stopped; the engine's message itself may quote the body. */
function positionIn(error: unknown): string {
  const position = /position (\d+)/.exec((error as Error).message)?.[1];
  return position === undefined ? '' : ` (at position ${position})`;
}
