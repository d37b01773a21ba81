/**
 * `npm start`: sets up what is missing and then becomes the server, all roles in this one process.
 * Arguments are passed on to `everhook start`, which handles the signals from then on.
 */
import { runAsCommand } from './command.mjs';
import { partsForStart, setUp } from './setup.mjs';

const program = new URL('../dist/src/main.js', import.meta.url).href;

runAsCommand(import.meta.url, async ({ stopGuarding }) => {
  const { temporalCliPath } = await setUp({ parts: partsForStart });
  process.env.TEMPORAL_CLI_PATH = temporalCliPath;
  // The AWS SDK's notice about Node 20 says nothing that a first start needs.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { main } = await import(program);
  stopGuarding();
  await main(['start', ...process.argv.slice(2)]);
  // Whatever a forced stop has left open must not keep the process.
  process.exit();
});
