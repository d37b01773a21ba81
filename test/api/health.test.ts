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
});
