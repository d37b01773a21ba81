/** What the programs of the suite have in common: their worlds end with them, however that comes about. */
import { World, type WorldOptions } from './world';

const worlds: World[] = [];

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const world = await World.start(options);
  worlds.push(world);
  return world;
}

export function runProgram(main: () => Promise<void>): void {
  endWhenTold();
  main().then(
    // Taking itself down in order, Node.js 20 has been seen to wait for ever, at full speed, for sockets of the links.
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
}

/** Processes of Everhook would go on for ever without the suite. */
function endWhenTold(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say(`ends by ${signal}`);
      void Promise.all(worlds.map((world) => world.stop())).finally(() => process.exit(1));
    });
  }
}
