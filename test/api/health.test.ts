import { TestSystem } from '../support/system';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

describe('GET /health', () => {
  it('is 200 while the process lives, whatever is down', async () => {
    const { status, body } = await system.call('GET', '/health');

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'healthy', checks: { database: 'ok', kms: 'ok', temporal: 'down' } });
  });
});

describe('GET /ready', () => {
  it('is 503 and names what is down', async () => {
    const { status, body } = await system.call('GET', '/ready');

    expect(status).toBe(503);
    expect(body).toEqual({ status: 'not_ready', down: ['temporal'] });
  });

  it.each([
    ['database', 200, []],
    ['temporal', 503, ['temporal']],
  ])('asked for the %s alone it is %d', async (needs, expected, down) => {
    const { status, body } = await system.call('GET', `/ready?needs=${needs}`);

    expect(status).toBe(expected);
    expect(body).toMatchObject({ down });
  });

  it('says which names there are', async () => {
    const { status, body } = await system.call('GET', '/ready?needs=postgres');

    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'VALIDATION_ERROR', field: 'needs' });
  });
});
