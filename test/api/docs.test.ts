import { TestSystem } from '../support/system';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

/** The answer as it came; a page is no JSON. */
const get = (url: string) => system.app.inject({ method: 'GET', url });

describe('GET /docs', () => {
  it('is a page that anybody may read', async () => {
    const page = await get('/docs');

    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).toContain('<title>Everhook API</title>');
  });

  it('is found with a slash behind it too', async () => {
    const page = await get('/docs/');

    expect([page.statusCode, page.headers['location']]).toEqual([302, '/docs']);
  });

  it('lets nothing run or load but what comes from here', async () => {
    const page = await get('/docs');
    const start = await get('/docs/start.js');

    const policy = String(page.headers['content-security-policy']).split('; ');
    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'"]));
    expect(policy.join()).not.toMatch(/unsafe|https?:|\*/);
    expect(page.body).not.toMatch(/https?:|href="\/\/|src="\/\//);
    expect(start.body).not.toMatch(/https?:/);
  });

  it('has no script or style within it, which its policy would refuse', async () => {
    const { body } = await get('/docs');

    expect(body).not.toMatch(/<style|style=|\son[a-z]+=/i);
    expect([...body.matchAll(/<script[^>]*>([^<]*)<\/script>/g)].map(([, inner]) => inner)).toEqual(['', '']);
  });

  it('finds all that it asks for', async () => {
    const { body } = await get('/docs');
    const files = [...body.matchAll(/(?:src|link[^>]*href)="([^"]+)"/g)].map(([, path]) => `/${path}`);
    const start = await get('/docs/start.js');
    const document = /url: '([^']+)'/.exec(start.body)?.[1];

    const answers = await Promise.all([...files, `/${document}`].map(async (path) => [path, await get(path)] as const));

    expect(answers.map(([path, { statusCode, headers }]) => [path, statusCode, headers['content-type']])).toEqual([
      ['/docs/favicon-32x32.png', 200, 'image/png'],
      ['/docs/swagger-ui.css', 200, 'text/css; charset=utf-8'],
      ['/docs/swagger-ui-bundle.js', 200, 'text/javascript; charset=utf-8'],
      ['/docs/start.js', 200, 'text/javascript; charset=utf-8'],
      ['/openapi.json', 200, 'application/json; charset=utf-8'],
    ]);
    expect(answers.every(([, { rawPayload }]) => rawPayload.length > 100)).toBe(true);
  });

  it.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/constructor', '/docs/swagger-ui.css.map'])(
    'serves no other file: %s',
    async (path) => {
      expect((await get(path)).statusCode).toBe(404);
    },
  );
});
