import { createServer, type AddressInfo, type Server } from 'node:net';
import { choosePort, type ChosenPort } from '../../src/ports';

const host = '127.0.0.1';
const taken: Server[] = [];
const chosen: ChosenPort[] = [];

async function occupy(port = 0): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  taken.push(server);
  return (server.address() as AddressInfo).port;
}

async function choose(wish: { asked?: number; preferred: number; log?: (line: string) => void }): Promise<ChosenPort> {
  const choice = await choosePort({ name: 'PORT', host, ...wish });
  chosen.push(choice);
  return choice;
}

afterEach(async () => {
  for (const choice of chosen.splice(0)) choice.release();
  await Promise.all(taken.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

describe('a port that was asked for', () => {
  it('is refused in one sentence that names its variable when it is in use', async () => {
    const asked = await occupy();

    const choice = choose({ asked, preferred: 3000 });

    await expect(choice).rejects.toThrow(
      `PORT ${asked} is in use; stop what listens there or set PORT to another port`,
    );
  });

  it('is taken instead of the default when it is free', async () => {
    const { port: free, release } = await choose({ preferred: 0 });
    release();

    const choice = await choose({ asked: free, preferred: 3000 });

    expect(choice).toMatchObject({ port: free, moved: false });
  });

  it('is refused when another part of this process has it, until that gives it back', async () => {
    const first = await choose({ preferred: 0 });

    const second = choose({ asked: first.port, preferred: 3000 });

    await expect(second).rejects.toThrow(`PORT ${first.port} is already given to another part of Everhook`);
    first.release();
    await expect(choose({ asked: first.port, preferred: 3000 })).resolves.toMatchObject({ port: first.port });
  });

  it('may be 0 for any free one', async () => {
    const choice = await choose({ asked: 0, preferred: 3000 });

    expect(choice.port).toBeGreaterThan(0);
    expect(choice.moved).toBe(false);
  });
});

describe('a default port', () => {
  it('moves to the next free one when it is in use, and says so', async () => {
    const preferred = await occupy();
    const lines: string[] = [];

    const choice = await choose({ preferred, log: (line) => lines.push(line) });

    expect(choice.moved).toBe(true);
    expect(choice.port).toBeGreaterThan(preferred);
    expect(lines).toEqual([`Port ${preferred} is in use, so ${choice.port} takes its place (PORT sets it).`]);
  });

  it('is given to one of two choices made at once', async () => {
    const { port: preferred, release } = await choose({ preferred: 0 });
    release();

    const [one, other] = await Promise.all([choose({ preferred }), choose({ preferred })]);

    expect(one?.port).not.toBe(other?.port);
  });
});
