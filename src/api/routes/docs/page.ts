/**
 * GET /docs: the document of /openapi.json to read and to try, by Swagger UI. Everything comes from here and
 * nothing of it is inline, so that the strictest policy holds; no file is touched before somebody asks for one.
 */
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { EverhookError } from '../../../domain/errors';
import type { App } from '../../http';

// Paths are relative, so that the page also works behind a gateway that puts a prefix before it.
const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Everhook API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript; the document itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

const startScript = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  // By default the document would be sent to a validator on the internet.
  validatorUrl: null,
  persistAuthorization: false,
  defaultModelsExpandDepth: -1,
});
`;

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Files of the library that the page asks for, and their types. */
const libraryFiles: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

export function docsPage(app: App): void {
  const options = { schema: { hide: true }, config: { access: 'public' } } as const;

  app.get('/docs', options, (_request, reply) =>
    reply
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .type('text/html; charset=utf-8')
      .send(html),
  );
  // Typed by hand it has a slash as often as not, and under it the page's own links would lead nowhere.
  app.get('/docs/', options, (_request, reply) => reply.redirect('/docs'));
  app.get('/docs/start.js', options, (_request, reply) =>
    reply.header('x-content-type-options', 'nosniff').type('text/javascript; charset=utf-8').send(startScript),
  );
  app.get('/docs/:file', options, (request, reply) => {
    const { file } = request.params as { file: string };
    const type = Object.hasOwn(libraryFiles, file) ? libraryFiles[file] : undefined;
    if (type === undefined) {
      throw new EverhookError('NOT_FOUND', `no file ${file}`, { publicMessage: 'There is no such file; see /docs.' });
    }
    // The package's main file would load all of the library; only its folder is wanted.
    const folder = dirname(require.resolve('swagger-ui-dist/package.json'));
    return reply
      .header('x-content-type-options', 'nosniff')
      .header('cache-control', 'public, max-age=3600')
      .type(type)
      .send(createReadStream(join(folder, file)));
  });
}
